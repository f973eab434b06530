import assert from "node:assert/strict";
import { createMethod, numpyPermutation, parseCurrent, type RunRecord } from "../../mod.ts";
import { bench } from "./bench.ts";
import { callCommand, exists, inFolder, writeBackbone, writeSuite } from "../test_kit.ts";

const run = (...args: string[]) => callCommand(bench, args);

/** Runs the command in a process of its own. */
function runProcess(
  args: readonly string[],
  { env = {}, stderr = "null" }: {
    readonly env?: Record<string, string>;
    readonly stderr?: "null" | "piped";
  } = {},
) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("./bench.ts", import.meta.url).pathname, ...args],
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr,
  });
}

/** All records of an output folder by their file names. */
async function recordsIn(out: string): Promise<Map<string, RunRecord>> {
  const records = new Map<string, RunRecord>();
  for await (const { name } of Deno.readDir(`${out}/records`)) {
    records.set(name, parseCurrent(await Deno.readTextFile(`${out}/records/${name}`), name));
  }
  return records;
}

async function hashesIn(out: string): Promise<Record<string, string | undefined>> {
  return Object.fromEntries([...await recordsIn(out)].map(([name, { end }]) => [name, end?.hash]).sort());
}

Deno.test("bench scores every cell, prints the table, and leaves records", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham", "naive", "joint"],
      tasks: [2, 4],
    });
    const { code, out, err } = await run("--suite", suite, "--out", `${folder}/out`, "--jobs", "2");
    assert.equal(code, 0, err);
    assert.match(
      out,
      /^procedural [0-9a-f]{8} \(4 classes, 16 training and 12 test images\), backbone tiny /,
    );
    assert.match(out, /│ method +│ T=2 pooled │ mean +│ forget .*│ T=4 pooled /);
    for (const method of ["ham", "naive", "joint", "ham − best other"]) {
      assert.match(out, new RegExp(`│ ${method} +│`));
    }
    assert.doesNotMatch(out, /missing|failed/);
    assert.match(err, /^6 cells, 0 of them finished before; reference on /m);
    assert.equal(err.match(/^\[\d+\/6\] .*: done \(\d+:\d\d(, \d+:\d\d left)?\)$/mg)?.length, 6);
    const records = await recordsIn(`${folder}/out`);
    assert.equal(records.size, 6);
    for (const { start, end } of records.values()) {
      assert.equal(end?.status, "done");
      assert.deepEqual(start.source, {
        data: { spec: "procedural:classes=4,trainPerClass=4,testPerClass=3,size=8" },
        backbone: { path: `${folder}/tiny.safetensors`, facts: {} },
      });
      assert.deepEqual(Object.keys(start.environment).sort(), [
        "commit",
        "cores",
        "deno",
        "device",
        "processor",
        "target",
        "version",
      ]);
    }
    assert.deepEqual([...Deno.readDirSync(`${folder}/out/snapshots`)], []);
  }));

Deno.test("bench skips what is finished, and --fresh runs it again", () =>
  inFolder(async (folder) => {
    const args = ["--suite", await writeSuite(folder), "--out", `${folder}/out`];
    const first = await run(...args);
    const text = async () => {
      const [name] = (await recordsIn(`${folder}/out`)).keys();
      return await Deno.readTextFile(`${folder}/out/records/${name}`);
    };
    const written = await text();
    const second = await run(...args);
    assert.equal(second.code, 0);
    assert.match(second.err, /^1 cells, 1 of them finished before;/);
    assert.equal(await text(), written);
    assert.equal(second.out, first.out);
    const third = await run(...args, "--fresh");
    assert.match(third.err, /^1 cells, 0 of them finished before;/);
    assert.notEqual(await text(), written);
    assert.equal(parseCurrent(await text(), "x").end!.hash, parseCurrent(written, "x").end!.hash);
  }));

/** Waits until a record has the line of its first task. */
async function untilTaskDone(records: string): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!await exists(records)) continue;
    for await (const { name } of Deno.readDir(records)) {
      if (name.endsWith(".jsonl") && /\n.*\n/.test(await Deno.readTextFile(`${records}/${name}`))) return;
    }
  }
  assert.fail("no task was done within a minute");
}

Deno.test("bench killed in the middle goes on to the same hashes as a run that was not", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham", "naive"],
      tasks: [4],
      settings: { rank: 2, epochs: 8, batchSize: 2 },
    });
    const child = runProcess(["--suite", suite, "--out", `${folder}/killed`, "--jobs", "1"]).spawn();
    try {
      await untilTaskDone(`${folder}/killed/records`);
    } finally {
      child.kill("SIGKILL");
    }
    await child.status;
    const left = await recordsIn(`${folder}/killed`);
    assert.ok([...left.values()].every(({ end }) => end === undefined), "the kill came too late");

    assert.equal((await run("--suite", suite, "--out", `${folder}/killed`)).code, 0);
    assert.equal((await run("--suite", suite, "--out", `${folder}/whole`)).code, 0);
    const hashes = await hashesIn(`${folder}/whole`);
    assert.deepEqual(await hashesIn(`${folder}/killed`), hashes);
    assert.equal(Object.keys(hashes).length, 2);
    assert.deepEqual([...Deno.readDirSync(`${folder}/killed/snapshots`)], []);
  }));

Deno.test("bench records a cell that diverges as failed, exits with 1, and the others go on", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["ewc:lambda=1e300", "naive"] });
    const args = ["--suite", suite, "--out", `${folder}/out`, "--jobs", "1"];
    const { code, out, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(err, /ewc:lambda=1e300 T=2 seed 0: Training diverged: the loss of step 0 is NaN \(/);
    assert.match(err, /naive T=2 seed 0: done \(/);
    assert.match(err, /^1 of 2 cells failed; see above$/m);
    assert.match(out, /│ ewc +│ failed: seed 0 +│/);
    const records = await recordsIn(`${folder}/out`);
    const failed = [...records.values()].find(({ start }) => start.cell.method === "ewc");
    assert.deepEqual([failed?.end?.status, failed?.end?.failure?.task], ["failed", 1]);
    const again = await run(...args);
    assert.deepEqual([again.code, again.out], [1, out]);
    assert.match(again.err, /^2 cells, 2 of them finished before;/);
  }));

Deno.test("bench lays flags over the suite, and names a cell once however it is spelled", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const { maxGroups: groups, keep } = createMethod("ham").options;
    const { code, err } = await run(
      ...["--suite", suite, "--out", `${folder}/out`],
      ...[
        "--methods",
        `ham,ham:maxGroups=${groups},keep=${keep},ham:keep=0.25`,
        "--tasks",
        "1,2",
        "--seeds",
        "3",
      ],
      ...["--train-seed", "7", "--epochs", "2", "--limit-per-class", "2"],
      ...["--set", "targets=q+v+fc1", "rank=1", "--set", "head=linear"],
    );
    assert.equal(code, 0, err);
    const cells = [...(await recordsIn(`${folder}/out`)).values()].map(({ start }) => start.cell);
    assert.deepEqual(cells.map(({ tasks, options }) => `${tasks} ${options["keep"]}`).sort(), [
      "1 0.25",
      `1 ${keep}`,
      "2 0.25",
      `2 ${keep}`,
    ]);
    for (const { start } of (await recordsIn(`${folder}/out`)).values()) {
      assert.deepEqual(start.source!.data!.limitPerClass, { train: 2, test: 2 });
    }
    for (const { orderSeed, trainSeed, dataset, settings } of cells) {
      assert.deepEqual([orderSeed, trainSeed, dataset.train, dataset.test], [3, 7, 8, 8]);
      const { epochs, targets, rank, head, alpha } = settings;
      assert.deepEqual({ epochs, targets, rank, head, alpha }, {
        epochs: 2,
        targets: ["q", "v", "fc1"],
        rank: 1,
        head: "linear",
        alpha: 2,
      });
    }
  }));

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

/** A folder like CIFAR-100's with two images a class in both splits, and its test file cut. */
async function writeTruncatedCifar(folder: string): Promise<string> {
  const record = 2 + 3072;
  const bytes = new Uint8Array(200 * record);
  for (let i = 0; i < 200; i++) bytes[i * record + 1] = i % 100;
  await Deno.mkdir(`${folder}/cifar`);
  await Deno.writeFile(`${folder}/cifar/train.bin`, bytes);
  await Deno.writeFile(`${folder}/cifar/test.bin`, bytes.subarray(0, bytes.length - 100));
  return `cifar100:${folder}/cifar`;
}

/** The file with the end of its first tensor moved beyond the file. */
function lie(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(bytes);
  const changed = text.replace(
    /"data_offsets":\[0,(\d+)\]/,
    (whole, end) => whole.replace(end, "9".repeat(end.length)),
  );
  assert.notEqual(changed, text);
  return Uint8Array.from(changed, (letter) => letter.charCodeAt(0));
}

Deno.test("bench answers wrong input with one sentence and code 2, and writes nothing", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const out = `${folder}/out`;
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, out: printed, err } = await run("--suite", suite, "--out", out, ...args);
      assert.deepEqual([code, printed], [2, ""], `${args.join(" ")}: ${err}`);
      assert.match(err, wanted);
      assert.match(err, /^Cannot [^\n]*[^.\n]\.\n$/);
      assert.equal(await exists(out), false, args.join(" "));
    };
    await refused(/found "hamm", wanted one of .*ham/, "--methods", "naive,hamm");
    await refused(/unknown option kept, wanted one of .*keep/, "--methods", "ham:kept=1");
    await refused(/keep 2/, "--methods", "ham:keep=2");
    await refused(/found 5 tasks, wanted an integer from 1 to its 4 classes/, "--tasks", "5");
    await refused(/--tasks 0: wanted an integer of at least 1/, "--tasks", "0");
    await refused(/--tasks two: wanted an integer/, "--tasks", "2,two");
    await refused(/--seeds -1: wanted an integer of at least 0/, "--seeds", "-1");
    await refused(/--epochs 1\.5: wanted an integer/, "--epochs", "1.5");
    await refused(/--first-task 0: wanted an integer/, "--first-task", "0");
    await refused(/with 4 classes in the first/, "--first-task", "4");
    await refused(/--task-sizes 1,x|--task-sizes x: wanted an integer/, "--task-sizes", "1,x");
    await refused(/--tasks 3 with --task-sizes 1,2: wanted 2/, "--task-sizes", "1,2", "--tasks", "3");
    await refused(/found 4 classes, wanted 5/, "--task-sizes", "1,4");
    await refused(/sizes of all tasks and further sizes/, "--task-sizes", "1,2", "--first-task", "1");
    await refused(/--evaluate never: wanted all, last or a number/, "--evaluate", "never");
    await refused(/--evaluate 0: wanted an integer of at least 1/, "--evaluate", "0");
    await refused(/found "cat", wanted the names of its classes/, "--class-order", "0,1,2,cat");
    await refused(/found no class 3/, "--class-order", "0,1,2");
    await refused(/class order none: there is no such file, wanted numpy/, "--class-order", "none");
    await refused(/found seed 4294967296, wanted/, "--class-order", "numpy:4294967296");
    await refused(/settings: loss/, "--set", "loss=all");
    await refused(/settings: firstEpochs/, "--set", "firstEpochs=0");
    await refused(/--limit-per-class 0: wanted/, "--limit-per-class", "0");
    await refused(/--set rank: wanted key=value/, "--set", "rank");
    await refused(/settings: .*"momentum"/, "--set", "momentum=0.9");
    await refused(/settings: rank/, "--set", "rank=0");
    await refused(/settings: learningRate/, "--set", "learningRate=1e9");
    await refused(/the flags: backend/, "--backend", "cuda");
    await refused(/missing.*does not exist/, "--data", `cifar100:${folder}/missing`);
    await refused(/kind "imagenet"/, "--data", "imagenet:x");
    await refused(/test/, "--data", await writeTruncatedCifar(folder));
    await refused(/backbone "large": wanted .*nano/, "--backbone", "large");
    await refused(/none\.safetensors: it does not exist/, "--backbone", `${folder}/none.safetensors`);
    await refused(/suite ".*none\.json": there is no such file/, "--suite", `${folder}/none.json`);
    await writeSuite(folder, { colour: "red" });
    await refused(/suite ".*suite\.json": .*"colour"/);
    await writeSuite(folder, { tasks: [] });
    await refused(/suite ".*suite\.json": tasks/);
    await Deno.writeTextFile(suite, "{");
    await refused(/suite ".*suite\.json": /);
  }));

Deno.test("bench refuses damaged weights before it writes anything", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const refused = async (wanted: RegExp) => {
      const { code, out, err } = await run("--suite", suite, "--out", `${folder}/out`);
      assert.deepEqual([code, out], [2, ""], err);
      assert.match(err, wanted);
      assert.match(err, /^Cannot [^\n]*tiny\.safetensors[^\n]*\.\n$/);
      assert.equal(await exists(`${folder}/out`), false);
    };
    await writeBackbone(folder, { bytes: lie });
    await refused(/tensor|offset|byte/i);
    await writeBackbone(folder, { bytes: (bytes) => bytes.subarray(0, bytes.length - 4) });
    await refused(/byte/i);
    await writeBackbone(folder, { tensors: (weights) => void (weights["norm.weight"]!.data[3] = NaN) });
    await refused(/norm\.weight.*NaN/);
    await writeBackbone(folder);
    await Deno.writeTextFile(`${folder}/tiny.json`, "{}");
    await refused(/found no "heads".*--heads/);
  }));

Deno.test("bench refuses an output folder that cannot be written", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const { code, out, err } = await run("--suite", suite, "--out", `${suite}/out`);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /^Cannot write results to [^\n]*, wanted a folder that can be written\.\n$/);
  }));

/** Damages of a finished record's text, as hands, disks and two writers leave them. */
const damages: Readonly<Record<string, (text: string) => string>> = {
  "a changed fact": (text) => text.replace('"firstLoss":', '"firstLoss":1'),
  "the lines of two writers": (text) => text.replace(/^.*"index":0.*\n/m, (line) => line + line),
  "a line cut in the middle": (text) => text.replace(/"facts".*\n/, ""),
  "nothing but zeros": (text) => `${"\0".repeat(text.length)}\n`,
};

for (const [what, damage] of Object.entries(damages)) {
  Deno.test(`bench sets aside a record with ${what}, says so, and runs its cell again`, () =>
    inFolder(async (folder) => {
      const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
      const args = ["--suite", suite, "--out", `${folder}/out`];
      await run(...args);
      const hashes = await hashesIn(`${folder}/out`);
      const name = Object.keys(hashes).find((name) => name.startsWith("naive"))!;
      const path = `${folder}/out/records/${name}`;
      const damaged = damage(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, damaged);
      const { code, out, err } = await run(...args);
      assert.equal(code, 0, err);
      assert.match(err, /^2 cells, 1 of them finished before;/);
      assert.match(
        err,
        /^naive T=2 seed 0: Cannot read record naive-[^\n]*, line \d: [^\n]*; it is kept as [^\n]*\.jsonl\.damaged-1, and the cell is run again$/m,
      );
      assert.doesNotMatch(out, /missing|failed/);
      assert.equal(await Deno.readTextFile(`${path}.damaged-1`), damaged);
      await Deno.rename(`${path}.damaged-1`, `${folder}/aside`);
      assert.deepEqual(await hashesIn(`${folder}/out`), hashes);
    }));
}

Deno.test("bench does not stop at a record that cannot be opened: the other cells are run", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
    const args = ["--suite", suite, "--out", `${folder}/out`];
    await run(...args);
    const name = Object.keys(await hashesIn(`${folder}/out`)).find((name) => name.startsWith("naive"))!;
    await Deno.remove(`${folder}/out/records/${name}`);
    await Deno.mkdir(`${folder}/out/records/${name}/in`, { recursive: true });
    const { code, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(err, /naive T=2 seed 0: stopped: /);
    assert.match(err, /^1 of 2 cells failed; see above$/m);
  }));

Deno.test("three benches on one folder at once, then one more, leave the hashes of one alone", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham", "naive", "ewc", "simplecil"],
      tasks: [2, 4],
      settings: { rank: 2, epochs: 2, batchSize: 4 },
    });
    const args = (out: string) => ["--suite", suite, "--out", `${folder}/${out}`, "--jobs", "1"];
    const children = [1, 2, 3].map(() => runProcess(args("shared"), { stderr: "piped" }).output());
    for (const { code, stderr } of await Promise.all(children)) {
      assert.equal(code, 0, new TextDecoder().decode(stderr));
    }
    const last = await run(...args("shared"));
    assert.match(last.err, /^8 cells, 8 of them finished before;/m);
    assert.equal((await run(...args("alone"))).code, 0);
    const hashes = await hashesIn(`${folder}/alone`);
    assert.equal(Object.keys(hashes).length, 8);
    assert.deepEqual(await hashesIn(`${folder}/shared`), hashes);
    assert.deepEqual([...Deno.readDirSync(`${folder}/shared/claims`)], []);
    assert.deepEqual([...Deno.readDirSync(`${folder}/shared/snapshots`)], []);
  }));

Deno.test("bench takes other cells first while another process runs one, says so, and waits for it", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"] });
    const out = `${folder}/out`;
    await run("--suite", suite, "--out", out, "--methods", "naive");
    const [name] = (await recordsIn(out)).keys();
    const cell = name!.replace(/\.jsonl$/, "");
    await Deno.remove(`${out}/records/${name}`);
    using file = await Deno.open(`${out}/claims/${cell}.lock`, { write: true, create: true });
    await file.lock(true);
    let finished = false;
    const running = run("--suite", suite, "--out", out, "--jobs", "1").finally(() => finished = true);
    while (
      !await exists(`${out}/records`) || (await Array.fromAsync(Deno.readDir(`${out}/records`))).length === 0
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(finished, false);
    await file.unlock();
    const { code, err } = await running;
    assert.equal(code, 0, err);
    const order = [/naive T=2 seed 0: another process is running it/, /simplecil .*: done/, /naive .*: done/];
    const places = order.map((pattern) => err.search(pattern));
    assert.ok(places.every((place, i) => place >= 0 && place >= (places[i - 1] ?? 0)), err);
    assert.equal(err.match(/another process/g)?.length, 1);
    assert.equal((await recordsIn(out)).size, 2);
  }));

Deno.test("bench killed with SIGKILL at random moments, again and again, goes on to the same hashes", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham", "naive", "ewc"],
      tasks: [4],
      settings: { rank: 2, epochs: 4, batchSize: 2 },
    });
    const args = (out: string) => ["--suite", suite, "--out", `${folder}/${out}`, "--jobs", "2"];
    // The moments are spread over a run by a fixed sequence; how far it got by then is up to the machine.
    for (let kill = 0; kill < 5; kill++) {
      const child = runProcess(args("killed")).spawn();
      await new Promise((resolve) => setTimeout(resolve, 400 + (kill * 733) % 1500));
      try {
        child.kill("SIGKILL");
      } catch {
        // It had finished.
      }
      await child.status;
    }
    const { code, err } = await run(...args("killed"));
    assert.equal(code, 0, err);
    assert.doesNotMatch(err, /Cannot/);
    assert.equal((await run(...args("whole"))).code, 0);
    assert.deepEqual(await hashesIn(`${folder}/killed`), await hashesIn(`${folder}/whole`));
  }));

Deno.test("bench refuses unknown flags and --backend webgpu without an adapter", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const args = ["--suite", suite, "--out", `${folder}/out`];
    const unknown = await run(...args, "--gpu");
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /^error: unknown option '--gpu'\n/);
    assert.equal((await run(...args, "--jobs", "0")).code, 2);

    const none = await runProcess([...args, "--backend", "webgpu"], {
      env: { DENO_WEBGPU_BACKEND: "none" },
      stderr: "piped",
    }).output();
    assert.equal(none.code, 2);
    assert.match(new TextDecoder().decode(none.stderr), /^Cannot use WebGPU: no adapter found [^\n]*\.\n$/);
    assert.equal(await exists(`${folder}/out`), false);
  }));
