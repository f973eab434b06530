import assert from "node:assert/strict";
import { createMethod } from "../../src/methods/mod.ts";
import { parseCurrent } from "../../src/protocol/mod.ts";
import { inFolder, writeSuite } from "../test_kit.ts";
import { recordsIn, run } from "./test_bench.ts";

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
    for (const tasks of [2, 4]) {
      assert.match(out, new RegExp(`│ method +│ T=${tasks} pooled \\(n=1\\) +│ T=${tasks} forgetting +│`));
      assert.match(out, new RegExp(`^At T = ${tasks}[:,] `, "m"));
    }
    for (const method of ["ham", "naive", "joint"]) {
      assert.equal(out.match(new RegExp(`│ ${method} +│`, "g"))?.length, 2);
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

Deno.test("bench records a cell that diverges as failed, exits with 1, and the others go on", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["ewc:lambda=1e300", "naive"] });
    const args = ["--suite", suite, "--out", `${folder}/out`, "--jobs", "1"];
    const { code, out, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(err, /ewc:lambda=1e300 T=2 seed 0: Training diverged: the loss of step 0 is NaN \(/);
    assert.match(err, /naive T=2 seed 0: done \(/);
    assert.match(err, /^1 of 2 cells failed; see above$/m);
    assert.match(out, /ewc.*failed|failed.*ewc/i);
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
