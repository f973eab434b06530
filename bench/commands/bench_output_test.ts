import assert from "node:assert/strict";
import { exists, inFolder, writeSuite } from "../test_kit.ts";
import { recordsIn, run } from "./test_bench.ts";

Deno.test("bench says first what it will run, where it goes and how long it takes", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "simplecil"], seeds: [0, 1] });
    const { code, err } = await run("--suite", suite, "--out", `${folder}/out`, "--jobs", "1");
    assert.equal(code, 0, err);
    const lines = err.split("\n");
    assert.match(lines[0]!, /^4 cells, 0 of them finished before; reference on .*, 1 at a time$/);
    assert.equal(lines[1], "  2 methods: naive, simplecil");
    assert.equal(lines[2], "  T = 2; seeds 0, 1");
    assert.match(
      lines[3]!,
      /^ {2}procedural:classes=4,.*: 4 classes, 16 training and 12 test images; backbone tiny$/,
    );
    assert.match(lines[4]!, /^ {2}records go to .*\/out \(\d+ KiB\); up to \d+ MiB of memory$/);
    assert.match(
      lines[5]!,
      /^ {2}about \d+ \w+, by [\d.]+ ms a training step and [\d.]+ ms a forward pass, measured just now$/,
    );
    assert.match(lines[6]!, /^\[1\/4\] /);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(err, /\x1b/);
    // What is said of the disk is near what is there.
    const said = Number(/\((\d+) KiB\)/.exec(lines[4]!)![1]) * 1024;
    let bytes = 0;
    for (const name of (await recordsIn(`${folder}/out`)).keys()) {
      bytes += (await Deno.stat(`${folder}/out/records/${name}`)).size;
    }
    assert.ok(said > bytes / 2 && said < bytes * 2, `said ${said}, wrote ${bytes}`);
  }));

Deno.test("bench --dry-run says it, too, and neither runs nor writes anything", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["naive", "ham"] });
    const args = ["--suite", suite, "--out", `${folder}/out`];
    const { code, out, err } = await run(...args, "--dry-run");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /^2 cells, 0 of them finished before; reference, \d at a time\n {2}2 methods: naive, ham\n/,
    );
    assert.match(out, /\n {2}about \d+ seconds?, by /);
    const json = JSON.parse((await run(...args, "--dry-run", "--json")).out);
    assert.deepEqual([json.plan.cells, json.plan.finished, json.plan.methods], [2, 0, ["naive", "ham"]]);
    assert.ok(
      json.seconds > 0 && json.units.step > 0 && json.plan.memoryBytes > 0 && json.plan.diskBytes > 0,
    );
    assert.equal(await exists(`${folder}/out`), false);
    assert.equal((await run(...args)).code, 0);
    assert.match(
      (await run(...args, "--dry-run")).out,
      /2 of them finished before; .*\n(.*\n)* {2}nothing is left to run\n$/,
    );
  }));

Deno.test("bench --quiet says nothing but the table, and errors", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["ewc:lambda=1e300", "naive"] });
    const args = ["--suite", suite, "--out", `${folder}/out`, "--jobs", "1", "--quiet"];
    const { code, out, err } = await run(...args);
    assert.equal(code, 1);
    assert.match(
      err,
      /^ewc:lambda=1e300 T=2 seed 0: Training diverged: [^\n]*\n1 of 2 cells failed; see above\n$/,
    );
    assert.match(out, /│ naive/);
    assert.equal(
      (await run("--suite", suite, "--out", `${folder}/well`, "--methods", "naive", "--quiet")).err,
      "",
    );
  }));

Deno.test("bench --json prints cells with status, path and figures, and nothing else", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, { methods: ["ewc:lambda=1e300", "naive"] });
    const out = `${folder}/out`;
    const { code, out: text } = await run("--suite", suite, "--out", out, "--json");
    assert.equal(code, 1);
    const { edition, status, page, cells, sections } = JSON.parse(text);
    assert.deepEqual([edition, status], [1, "failed"]);
    assert.ok(await exists(page));
    const records = await recordsIn(out);
    const [ewc, naive] = cells;
    assert.deepEqual([ewc.method, ewc.status, ewc.options.lambda, ewc.figures], ["ewc", "failed", 1e300, {}]);
    assert.match(ewc.message, /^Training diverged/);
    assert.deepEqual([naive.method, naive.status, naive.tasks, naive.orderSeed], ["naive", "done", 2, 0]);
    const record = records.get(`${naive.name}.jsonl`)!;
    assert.equal(naive.record, `${out}/records/${naive.name}.jsonl`);
    assert.equal(naive.hash, record.end!.hash);
    const hits = record.tasks.at(-1)!.evaluation!.classIncremental.reduce((sum, value) => sum + value);
    assert.equal(naive.figures.pooled, hits / 12);
    assert.equal(sections.length, 1);
    assert.ok(sections[0].verdict.length > 0);
  }));

Deno.test("bench ends with the leaderboard of all that its folder has, and says where it is", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const args = ["--suite", suite, "--out", `${folder}/out`];
    assert.equal((await run(...args)).code, 0);
    const { code, out, err } = await run(...args, "--methods", "simplecil");
    assert.equal(code, 0, err);
    assert.match(
      err,
      new RegExp(
        `, and the leaderboard of all that are there in ${folder}/out/(LEADERBOARD\\.md|leaderboard\\.html)\n`,
      ),
    );
    const page = await Deno.readTextFile(`${folder}/out/LEADERBOARD.md`);
    assert.match(page, /naive/);
    assert.match(page, /simplecil/);
    // What the data decide is said at once.
    assert.match(out, /^At T = 2[:,] /m);
  }));
