import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { cellName, listRecords, parseCurrent } from "../../src/protocol/mod.ts";
import { forge, linesOf } from "../gate/test_forged.ts";
import { callCommand, exists, inFolder } from "../test_kit.ts";
import { gate } from "./gate.ts";

const shipped = fileURLToPath(new URL("../../fixtures/records/baseline", import.meta.url));
const hex = "ab".repeat(32);

/** Some records of the shipped baseline, and a folder for a run. */
async function someRecords(folder: string): Promise<{ readonly baseline: string; readonly run: string }> {
  const [baseline, run] = [`${folder}/baseline`, `${folder}/run`];
  for (const place of [baseline, run]) {
    await Deno.mkdir(place);
    for (const path of await listRecords(shipped)) {
      const name = path.replace(/^.*\//, "");
      if (/^(ham|simplecil)-T2-s0/.test(name)) await Deno.copyFile(path, `${place}/${name}`);
    }
  }
  return { baseline, run };
}

/** Changes a record of a run as a regression would: sealed, and with other right answers. */
async function change(run: string, method: string, backend: string, hits: number): Promise<string> {
  for (const path of await listRecords(run)) {
    const record = parseCurrent(await Deno.readTextFile(path), path);
    const { cell } = record.start;
    if (cell.method !== method || cell.backend !== backend) continue;
    await Deno.writeTextFile(path, linesOf(forge(record, { hits })));
    return cellName(cell);
  }
  throw new Error(`There is no record of ${method} on ${backend}`);
}

Deno.test("gate is open for equal records, and shut with cell and amount when one changes or is gone", async () => {
  await inFolder(async (folder) => {
    const { baseline, run } = await someRecords(folder);
    const args = ["--baseline", baseline, "--in", run];
    const same = await callCommand(gate, args);
    assert.deepEqual([same.code, same.err], [0, ""]);
    assert.match(same.out, /^4 cells: 4 equal\. The gate is open\n$/);

    const name = await change(run, "ham", "onnx-web", -1);
    const changed = await callCommand(gate, args);
    assert.equal(changed.code, 1);
    assert.match(
      changed.out,
      /^FAILED ham T=2 seed 0 \(onnx-web\): changed without a reason on record; 3\d of 48 right, was 3\d \(-2\.1 points\); hash /,
    );
    assert.ok(changed.out.includes(`cell ${name}`));

    const json = JSON.parse((await callCommand(gate, [...args, "--json"])).out);
    assert.equal(json.ok, false);
    assert.equal(json.cells.find(({ cell }: { cell: string }) => cell === name).status, "changed");
    const comment = await callCommand(gate, [...args, "--markdown"]);
    assert.match(comment.out, /\*\*changed without a reason on record\*\*/);
    // Other backends are not asked.
    assert.equal((await callCommand(gate, [...args, "--backend", "onnx-node"])).code, 0);

    await Deno.remove(`${run}/${name}.jsonl`);
    const gone = await callCommand(gate, args);
    assert.equal(gone.code, 1);
    assert.match(gone.out, /^FAILED ham T=2 seed 0 \(onnx-web\): missing/);
  });
});

Deno.test("gate --accept writes the reason and the record down, and both baselines are content then", async () => {
  await inFolder(async (folder) => {
    const { baseline, run } = await someRecords(folder);
    const before = `${folder}/before`;
    await Deno.mkdir(before);
    for (const path of await listRecords(baseline)) await Deno.copyFile(path, path.replace(baseline, before));
    const name = await change(run, "ham", "onnx-web", -1);
    const accepted = await callCommand(gate, [
      "--baseline",
      baseline,
      "--in",
      run,
      "--accept",
      "Groups merge later",
    ]);
    assert.equal(accepted.code, 0, accepted.err);
    assert.equal((await callCommand(gate, ["--baseline", baseline, "--in", run])).code, 0);
    // What a pull request is held against: the old records, and the reasons that it brings.
    const reasons = `${baseline}/reasons.json`;
    const old = await callCommand(gate, ["--baseline", before, "--in", run, "--reasons", reasons]);
    assert.equal(old.code, 0);
    assert.match(old.out, /changed for a reason on record; .* reason: Groups merge later/);
    const [reason] = JSON.parse(await Deno.readTextFile(reasons));
    assert.deepEqual([reason.cell, reason.why], [name, "Groups merge later"]);
    // A second change of the same cell is not covered.
    await change(run, "ham", "onnx-web", -1);
    assert.equal(
      (await callCommand(gate, ["--baseline", before, "--in", run, "--reasons", reasons])).code,
      1,
    );
  });
});

Deno.test("gate --accept does not accept what was not run, nor damaged records", async () => {
  await inFolder(async (folder) => {
    const { baseline, run } = await someRecords(folder);
    const args = ["--baseline", baseline, "--in", run, "--accept", "No matter"];
    const [path] = await listRecords(run);
    const text = await Deno.readTextFile(path!);
    await Deno.remove(path!);
    const lost = await callCommand(gate, args);
    assert.deepEqual([lost.code, /was not run, and none took its place/.test(lost.err)], [2, true]);
    await Deno.writeTextFile(path!, text.replace('"train":', '"train" :'));
    const damaged = await callCommand(gate, args);
    assert.deepEqual([damaged.code, /some records have problems/.test(damaged.err)], [2, true]);
    assert.equal(await exists(`${baseline}/reasons.json`), false);
  });
});

Deno.test("gate says what is wrong with its input", async () => {
  await inFolder(async (folder) => {
    const { baseline, run } = await someRecords(folder);
    const refuse = async (args: readonly string[], pattern: RegExp) => {
      const { code, err, out } = await callCommand(gate, args);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, pattern);
      assert.doesNotMatch(err, /\n\s+at /);
    };
    const both = ["--baseline", baseline, "--in", run];
    await refuse([], /wanted --baseline and --in, or --submission/);
    await refuse(["--baseline", baseline], /wanted --baseline and --in/);
    await refuse([...both, "--json", "--markdown"], /Cannot use --json with --markdown/);
    await refuse([...both, "--sample", "3"], /Cannot use --sample without --submission/);
    await refuse([...both, "--submission", "x"], /Cannot use --baseline with --submission/);
    await refuse(["--baseline", `${folder}/none`, "--in", run], /Cannot read the baseline/);
    await refuse(["--baseline", baseline, "--in", `${folder}/none`], /Cannot read records/);
    await refuse([...both, "--backend", "webgpu"], /found no records to compare/);
    await refuse([...both, "--backend", "onnx-web,onnx-wab"], /Cannot compare onnx-wab/);
    await refuse([...both, "--seeds", "0,7"], /Cannot compare 7 with/);
    await refuse([...both, "--seeds", "x"], /Wanted integers/);
    const reasons = `${folder}/reasons.json`;
    const bad = [
      ["{", /found no JSON/],
      ["{}", /expected array/],
      [`[{"cell":"x","old":"1","new":null,"why":"x"}]`, /0: old: wanted 64 hexadecimal digits/],
      [`[{"cell":"x","old":"${hex}","new":"${hex}","why":" "}]`, /0: why/],
      [`[{"cell":"x","old":"${hex}","new":"${hex}","why":"x","__proto__":1}]`, /./],
    ] as const;
    for (const [text, pattern] of bad) {
      await Deno.writeTextFile(reasons, text);
      await refuse([...both, "--reasons", reasons], pattern);
    }
    // A baseline that was tampered with is no baseline.
    const [path] = await listRecords(baseline);
    await Deno.writeTextFile(path!, (await Deno.readTextFile(path!)).replace('"steps":', '"steps":1'));
    await refuse(both, /as baseline/);
  });
});

Deno.test("the shipped baseline is one, names no machine, and has the hashes of deno task exact", async () => {
  const expected = JSON.parse(
    await Deno.readTextFile(new URL("../../fixtures/expected/smoke.json", import.meta.url)),
  )["onnx-web"];
  const seen = new Set<string>();
  for (const path of await listRecords(shipped)) {
    const text = await Deno.readTextFile(path);
    assert.doesNotMatch(text, /\/(home|root|work|Users|tmp)\/|hostname/, path);
    const { start: { cell }, end } = parseCurrent(text, path);
    if (cell.backend !== "onnx-web" || cell.orderSeed !== 0) continue;
    const name = `${cell.method} T=${cell.tasks} seed 0`;
    assert.equal(end!.hash, expected[name], name);
    seen.add(name);
  }
  assert.deepEqual([...seen].sort(), Object.keys(expected).sort());
});
