import assert from "node:assert/strict";
import type { ListedCell } from "../grid/shard.ts";
import { exists, inFolder, writeSuite } from "../test_kit.ts";
import { recordsIn, run } from "./test_bench.ts";

Deno.test("bench --list-cells prints every cell as JSON and whether it is finished, and writes nothing", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder, {
      methods: ["ham:keep=0.25", "simplecil"],
      tasks: [2, 4],
      seeds: [0, 3],
    });
    const args = ["--suite", suite, "--out", `${folder}/out`];
    const list = async (...more: string[]) => {
      const { code, out, err } = await run(...args, "--list-cells", ...more);
      assert.equal(code, 0, err);
      return JSON.parse(out) as ListedCell[];
    };
    const cells = await list();
    assert.equal(await exists(`${folder}/out`), false);
    assert.equal(cells.length, 8);
    for (const { method, options, tasks, orderSeed, trainSeed, work, finished } of cells) {
      assert.deepEqual([options["keep"], orderSeed, finished], [
        method === "ham" ? 0.25 : undefined,
        trainSeed,
        false,
      ]);
      assert.ok([2, 4].includes(tasks) && [0, 3].includes(orderSeed));
      assert.ok(work > 0);
    }

    const workOf = (wanted: string, T: number) =>
      cells.find(({ method, tasks }) => method === wanted && tasks === T)!.work;
    assert.ok(workOf("ham", 2) > workOf("simplecil", 2));
    assert.ok(workOf("ham", 4) > workOf("ham", 2));

    const parts = [await list("--shard", "1/3"), await list("--shard", "2/3"), await list("--shard", "3/3")];
    const byName = (a: ListedCell, b: ListedCell) => a.name < b.name ? -1 : 1;
    assert.deepEqual(parts.flat().sort(byName), cells.toSorted(byName));

    const [first, second] = parts[1]!;
    const { code, err } = await run(...args, "--cells", `${first!.name}, ${second!.name}`);
    assert.equal(code, 0, err);
    assert.deepEqual(
      [...(await recordsIn(`${folder}/out`)).keys()].sort(),
      [
        `${first!.name}.jsonl`,
        `${second!.name}.jsonl`,
      ].sort(),
    );
    const finished = (await list()).filter((cell) => cell.finished).map(({ name }) => name);
    assert.deepEqual(finished.sort(), [first!.name, second!.name].sort());
    assert.deepEqual(
      (await list("--shard", "2/3")).map(({ name }) => name),
      parts[1]!.map(({ name }) => name),
    );
  }));

Deno.test("bench refuses a shard or a cell that is none, and writes nothing", () =>
  inFolder(async (folder) => {
    const suite = await writeSuite(folder);
    const refused = async (wanted: RegExp, ...args: string[]) => {
      const { code, out, err } = await run("--suite", suite, "--out", `${folder}/out`, ...args);
      assert.deepEqual([code, out], [2, ""], err);
      assert.match(err, wanted);
      assert.equal(await exists(`${folder}/out`), false);
    };
    for (const text of ["0/3", "4/3", "x", "1/", "1/3/3"]) {
      await refused(
        /'--shard <I\/N>' argument '.*' is invalid\. Wanted I\/N with I from 1 to N/,
        "--shard",
        text,
      );
    }
    await refused(/^Cannot run cell "naive": found no such cell among the 1 of this/, "--cells", "naive");
    await refused(/^Cannot run cell "": found no such cell/, "--cells", "");
    await refused(/^Cannot use --shard with --cells: found both/, "--cells", "x", "--shard", "1/2");
  }));

Deno.test("bench with a shard beyond the cells does nothing and says so", () =>
  inFolder(async (folder) => {
    const args = ["--suite", await writeSuite(folder), "--out", `${folder}/out`, "--shard", "2/2"];
    const { code, out, err } = await run(...args);
    assert.deepEqual([code, out], [0, ""]);
    assert.match(err, /^Shard 2\/2: 0 of 1 cells, 0 % of the work$/m);
  }));
