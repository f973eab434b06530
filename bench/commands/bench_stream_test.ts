import assert from "node:assert/strict";
import { numpyPermutation } from "../../src/data/mod.ts";
import { type RunRecord } from "../../src/protocol/mod.ts";
import { callCommand, exists, inFolder, writeSuite } from "../test_kit.ts";
import { recordsIn, run } from "./test_bench.ts";
import { report } from "./report.ts";
import { verify } from "./verify.ts";

Deno.test("bench --classes-per-task grows the classes with the tasks, in a table of its own", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const flags = ["--suite", suite, "--out", `${folder}/out`, "--methods", "simplecil", "--seeds", "0"];
    const grown = await run(...flags, "--tasks", "2,3", "--classes-per-task", "1");
    assert.equal(grown.code, 0, grown.err);
    assert.match(grown.out, /1 classes a task/);
    const records = [...(await recordsIn(`${folder}/out`)).values()];
    assert.deepEqual(records.map(({ tasks }) => tasks.flatMap(({ classes }) => classes).length).sort(), [
      2,
      3,
    ]);
    assert.ok(records.every(({ start }) => start.cell.classesPerTask === 1));
    const dealt = await run(...flags, "--tasks", "2");
    assert.equal(dealt.code, 0, dealt.err);
    assert.doesNotMatch(dealt.out, /classes a task/);
    const { code, err } = await run(...flags, "--tasks", "3", "--classes-per-task", "9");
    assert.equal(code, 2);
    assert.match(err, /into 3 tasks of 9 classes: found \d+ classes, wanted 27/);
  }));

Deno.test("bench cuts streams with --first-task and --task-sizes, and orders classes as it is told", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    let runs = 0;
    const cellsOf = async (...args: string[]) => {
      const out = `${folder}/${runs++}`;
      const { code, out: table, err } = await run(
        "--suite",
        suite,
        "--out",
        out,
        "--methods",
        "simplecil",
        ...args,
      );
      assert.equal(code, 0, err);
      const records = [...(await recordsIn(out)).values()];
      return {
        table,
        records,
        classes: records[0]!.tasks.map(({ classes }) => classes),
        cell: records[0]!.start.cell,
      };
    };
    const first = await cellsOf("--first-task", "2", "--tasks", "3");
    assert.deepEqual(first.classes.map(({ length }) => length), [2, 1, 1]);
    assert.equal(first.cell.firstTask, 2);
    assert.match(first.table, /2 classes in the first task/);
    const sized = await cellsOf("--task-sizes", "1,3");
    assert.deepEqual(sized.classes.map(({ length }) => length), [1, 3]);
    assert.deepEqual([sized.cell.tasks, sized.cell.taskSizes], [2, [1, 3]]);
    const numpy = await cellsOf("--class-order", "numpy:1993");
    assert.deepEqual(numpy.classes.flat(), numpyPermutation(4, 1993));
    assert.deepEqual([numpy.cell.classOrder, numpy.cell.orderSeed, numpy.cell.trainSeed], ["numpy", 1993, 0]);
    const bySeed = await cellsOf("--class-order", "numpy", "--seeds", "7");
    assert.deepEqual(bySeed.classes.flat(), numpyPermutation(4, 7));
    const seeded = await cellsOf("--class-order", "5", "--seeds", "0,1");
    assert.deepEqual(seeded.records.map(({ start }) => start.cell.orderSeed), [5, 5]);
    assert.deepEqual(seeded.records.map(({ start }) => start.cell.trainSeed).sort(), [0, 1]);
    assert.equal(new Set(seeded.records.map(({ start }) => start.cell.streamHash)).size, 1);
    assert.equal(seeded.cell.classOrder, undefined);
    const listed = await cellsOf("--class-order", "3,1,0,2", "--seeds", "0,1");
    assert.deepEqual(listed.classes.flat(), [3, 1, 0, 2]);
    assert.doesNotMatch(listed.table, /missing/);
    for (const text of ["3\n1\n\n0\r\n2\n", "[3, 1, 0, 2]"]) {
      await Deno.writeTextFile(`${folder}/order`, text);
      const read = await cellsOf("--class-order", `${folder}/order`);
      assert.deepEqual(read.classes.flat(), [3, 1, 0, 2]);
      assert.equal(read.cell.classOrder, listed.cell.classOrder);
    }
    // Identity as before where nothing is set.
    const plain = await cellsOf();
    assert.deepEqual(Object.keys(plain.cell).sort(), [
      ...["backbone", "backend", "dataset", "edition", "method", "options", "orderSeed", "settings"],
      ...["streamHash", "tasks", "trainSeed"],
    ]);
  }));

Deno.test("bench --evaluate scores after the last task, or after every n-th, and the record says so", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { tasks: [4] });
    const recordOf = async (when: string) => {
      const out = `${folder}/${when}`;
      const { code, err } = await run("--suite", suite, "--out", out, "--evaluate", when);
      assert.equal(code, 0, err);
      return [...(await recordsIn(out)).values()][0]!;
    };
    const scored = (record: RunRecord) => record.tasks.map(({ evaluation }) => evaluation !== undefined);
    const all = await recordOf("all");
    const last = await recordOf("last");
    const second = await recordOf("3");
    assert.deepEqual([all, last, second].map(scored), [
      [true, true, true, true],
      [false, false, false, true],
      [false, false, true, true],
    ]);
    assert.deepEqual([all, last, second].map(({ start }) => start.cell.evaluate), [undefined, "last", 3]);
    assert.deepEqual(last.tasks.at(-1)!.evaluation, all.tasks.at(-1)!.evaluation);
    assert.deepEqual(second.tasks[2]!.evaluation, all.tasks[2]!.evaluation);
  }));

Deno.test("bench says that tasks of one class train nothing, and trains them with --set loss=seen", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      settings: { rank: 2, epochs: 1, batchSize: 4, head: "linear" },
    });
    const runWith = async (...args: string[]) => {
      const out = `${folder}/${args.join("")}`;
      const { code, err } = await run("--suite", suite, "--out", out, ...args);
      assert.equal(code, 0, err);
      const records = [...(await recordsIn(out)).values()];
      return { err, losses: records.map(({ tasks }) => tasks.map(({ training }) => training?.lastLoss)) };
    };
    const notice =
      /^T=3: 2 of 3 tasks have one class\. The loss .* --set loss=seen takes it over all classes seen$/m;
    const within = await runWith("--tasks", "3");
    assert.match(within.err, notice);
    assert.ok(within.losses[0]![0]! > 0);
    assert.deepEqual(within.losses[0]!.slice(1), [0, 0]);
    const seen = await runWith("--tasks", "3", "--set", "loss=seen");
    assert.doesNotMatch(seen.err, notice);
    assert.ok(seen.losses[0]!.every((loss) => loss! > 0), `${seen.losses[0]}`);
    assert.doesNotMatch((await runWith("--tasks", "3", "--methods", "simplecil,joint")).err, notice);
    assert.doesNotMatch((await runWith("--tasks", "2")).err, notice);
  }));

Deno.test("bench --stream keeps families together, lets them come back and mixes data, and the record can be verified", () =>
  inFolder(async (folder) => {
    const data = "procedural:classes=24,trainPerClass=1,testPerClass=1,size=8";
    const suite = await writeSuite(folder, { data, methods: ["simplecil"], tasks: [4] });
    const recordOf = async (...args: string[]) => {
      const out = `${folder}/${args[1]}`;
      const ran = await run("--suite", suite, "--out", out, ...args);
      assert.equal(ran.code, 0, ran.err);
      const record = [...(await recordsIn(out)).values()][0]!;
      return { table: ran.out, record, families: record.tasks.map(({ families }) => families) };
    };
    const apart = await recordOf("--stream", "families");
    assert.match(apart.table, /stream families/);
    assert.equal(apart.record.start.cell.stream, "families");
    assert.deepEqual(apart.families.map((own) => own!.length), [3, 3, 3, 3]);
    assert.equal(new Set(apart.families.flat()).size, 12);
    const back = await recordOf("--stream", "recurring");
    assert.equal(back.families.slice(0, 2).join(), back.families.slice(2).join());
    const mixed = await recordOf(
      "--stream",
      "mixed",
      "--data",
      `${data}+procedural:classes=4,trainPerClass=2,testPerClass=1`,
    );
    assert.deepEqual(mixed.families, [["procedural"], ["procedural"], ["procedural 2"], ["procedural 2"]]);
    assert.match(mixed.record.start.source!.data!.spec, /\+size=8$/);
    const plain = await recordOf("--stream", "classes");
    assert.deepEqual([plain.record.start.cell.stream, plain.families[0]], [undefined, undefined]);
    const places = ["families", "recurring", "mixed"].map((kind) => `${folder}/${kind}/records`);
    const verified = await callCommand(verify, places);
    assert.equal(verified.code, 0, verified.out + verified.err);
    const refused = await run("--suite", suite, "--out", `${folder}/refused`, "--stream", "mixed");
    assert.equal(refused.code, 2);
    assert.match(refused.err, /found one data set, wanted several/);
    assert.equal(await exists(`${folder}/refused`), false);
  }));

Deno.test("bench says that a backbone has seen the data, and the record does", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["simplecil"] });
    const out = `${folder}/out`;
    const unseen = await run("--suite", suite, "--out", out);
    assert.doesNotMatch(unseen.err, /was trained on/);
    const [record] = (await recordsIn(out)).values();
    const card = JSON.parse(await Deno.readTextFile(`${folder}/tiny.json`));
    const trainedOn = [{ name: "elsewhere", fingerprint: record!.start.cell.dataset.fingerprint }];
    await Deno.writeTextFile(`${folder}/tiny.json`, JSON.stringify({ ...card, trainedOn }));
    const seen = await run("--suite", suite, "--out", out, "--fresh");
    assert.match(
      seen.err,
      /^tiny was trained on elsewhere: it has seen 4 of 4 classes of procedural \(known by content\)/m,
    );
    const [marked] = (await recordsIn(out)).values();
    assert.deepEqual(marked!.start.source!.overlap, [{ trainedOn: "elsewhere", by: "content", classes: 4 }]);
    // What a card says is no part of a cell.
    assert.equal(marked!.end!.hash, record!.end!.hash);
  }));

Deno.test("bench --stream domains shows all classes under changing conditions, and its records can be verified by running again", () =>
  inFolder(async (folder) => {
    const data = "procedural:classes=4,trainPerClass=3,testPerClass=2,size=8";
    const suite = await writeSuite(folder, { data, methods: ["simplecil", "naive", "joint"], tasks: [3] });
    const out = `${folder}/out`;
    const flags = ["--suite", suite, "--stream", "domains"];
    const planned = await run(...flags, "--out", out, "--dry-run");
    assert.equal(planned.code, 0, planned.err);
    assert.equal(await exists(out), false);
    const { code, out: table, err } = await run(...flags, "--out", out);
    assert.equal(code, 0, err);
    assert.match(table, /stream domains/);
    const records = [...(await recordsIn(out)).values()];
    assert.equal(records.length, 3);
    const conditions = records.map(({ tasks }) => tasks.map(({ condition }) => condition).join("; "));
    assert.equal(new Set(conditions).size, 1);
    assert.ok(
      records.every(({ tasks }) =>
        tasks.every(({ classes, images }) => classes.length === 4 && images.train === 4 && images.test === 8)
      ),
    );
    // Beside records of a class-incremental stream, in a table of their own.
    const beside = await run("--suite", suite, "--out", out);
    assert.equal(beside.code, 0, beside.err);
    assert.doesNotMatch(beside.out, /stream domains/);
    const verified = await callCommand(verify, [out, "--own-paths", "--rerun"]);
    assert.equal(verified.code, 0, verified.out + verified.err);
    assert.match(verified.out, /6 records: 6 ok, 0 wrong; 6 run again/);
    const name = [...(await recordsIn(out)).keys()].find((name) => name.startsWith("naive"))!;
    const told = await callCommand(report, [out, name.replace(/\.jsonl$/, "")]);
    assert.equal(told.code, 0, told.err);
  }));

Deno.test("bench --stream domains refuses classes of single tasks, and methods that need new ones", () =>
  inFolder(async (folder) => {
    const data = "procedural:classes=4,trainPerClass=3,testPerClass=2,size=8";
    const suite = await writeSuite(folder, { data, methods: ["simplecil"], tasks: [3] });
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [["--classes-per-task", "2"], /stream "domains": found 2 classes per task, wanted none/],
      [["--first-task", "2"], /found sizes of single tasks, wanted none, since every task has all classes/],
      [["--task-sizes", "2,2"], /found sizes of single tasks, wanted none/],
      [["--class-order", "numpy"], /found an order of the classes, wanted none/],
      [["--tasks", "5000"], /found 5000 tasks, wanted an integer from 1 to the \d+ conditions/],
      [
        ["--methods", "naive,routed,mos"],
        /Cannot run routed, mos on a stream whose classes come back in later tasks: found routed \(a class belongs to/,
      ],
    ];
    for (const [args, message] of wrong) {
      const out = `${folder}/refused`;
      const { code, err } = await run("--suite", suite, "--out", out, "--stream", "domains", ...args);
      assert.equal(code, 2, err);
      assert.match(err, message);
      assert.equal(await exists(out), false);
    }
  }));
