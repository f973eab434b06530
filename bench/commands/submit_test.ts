import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sha256 } from "../../src/core/mod.ts";
import { cellName, listRecords, parseCurrent } from "../../src/protocol/mod.ts";
import { forge, linesOf } from "../gate/test_forged.ts";
import { MANIFEST, packFiles, unpackFiles } from "../submission/archive.ts";
import { callCommand, inFolder } from "../test_kit.ts";
import { gate } from "./gate.ts";
import { submit } from "./submit.ts";

const shipped = fileURLToPath(new URL("../../fixtures/records/baseline", import.meta.url));

/** Two cells that take no training, in a folder. */
async function someRecords(folder: string): Promise<string> {
  const run = `${folder}/run`;
  await Deno.mkdir(run);
  for (const path of await listRecords(shipped)) {
    const { start: { cell } } = parseCurrent(await Deno.readTextFile(path), path);
    if (cell.method === "simplecil" && cell.backend === "onnx-web" && cell.orderSeed === 0) {
      await Deno.copyFile(path, `${run}/${cellName(cell)}.jsonl`);
    }
  }
  return run;
}

Deno.test("submit packs records, and gate finds that they give the same again", async () => {
  await inFolder(async (folder) => {
    const run = await someRecords(folder);
    const file = `${folder}/mine.tar.gz`;
    const packed = await callCommand(submit, [run, "--out", file]);
    assert.equal(packed.code, 0, packed.err);
    assert.match(packed.out, /^2 records in /);
    const bytes = await Deno.readFile(file);
    await callCommand(submit, [run, "--out", file]);
    assert.deepEqual(await Deno.readFile(file), bytes);

    const files = await unpackFiles(file);
    const manifest = JSON.parse(new TextDecoder().decode(files.get(MANIFEST)));
    assert.deepEqual(manifest.needs.backends, ["onnx-web"]);
    assert.deepEqual(manifest.needs.data[0].name, "procedural");
    assert.equal(manifest.records.length, 2);

    const judged = await callCommand(gate, ["--submission", file, "--sample", "1", "--seed", "run 7"]);
    assert.equal(judged.code, 0, judged.out + judged.err);
    assert.match(judged.out, /simplecil T=\d seed 0 \(onnx-web\): run again: equal/);
    assert.match(judged.out, /2 records verified, 1 cells run again .*The submission holds/);
  });
});

Deno.test("gate finds forged results by running them again, however well they are sealed", async () => {
  await inFolder(async (folder) => {
    const run = await someRecords(folder);
    const [path] = await listRecords(run);
    const record = parseCurrent(await Deno.readTextFile(path!), path!);
    await Deno.writeTextFile(path!, linesOf(forge(record, { hits: 1 })));
    const file = `${folder}/forged.tar.gz`;
    assert.equal((await callCommand(submit, [run, "--out", file])).code, 0);
    const judged = await callCommand(gate, ["--submission", file, "--sample", "2", "--markdown"]);
    assert.equal(judged.code, 1);
    assert.match(judged.out, /\*\*failed\*\*/);
    assert.match(judged.out, /evaluation\.classIncremental/);
    assert.match(judged.out, /The submission does not hold/);
  });
});

Deno.test("gate refuses submissions whose files are not those that were packed", async () => {
  await inFolder(async (folder) => {
    const run = await someRecords(folder);
    const file = `${folder}/x.tar.gz`;
    await callCommand(submit, [run, "--out", file]);
    const files = new Map(await unpackFiles(file));
    const [name] = [...files.keys()].filter((name) => name !== MANIFEST);
    const manifest = JSON.parse(new TextDecoder().decode(files.get(MANIFEST)));
    const refuse = async (change: (copy: Map<string, Uint8Array>) => void, pattern: RegExp) => {
      const copy = new Map(files);
      change(copy);
      await Deno.writeFile(file, await packFiles(copy));
      const { code, err } = await callCommand(gate, ["--submission", file]);
      assert.equal(code, 2);
      assert.match(err, pattern);
    };
    const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    await refuse((copy) => copy.set(name!, encoded({})), /is another than it was when it was packed/);
    await refuse((copy) => copy.delete(name!), /is not there/);
    await refuse(
      (copy) => copy.set("records/more.jsonl", encoded({})),
      /it does not list records\/more\.jsonl/,
    );
    await refuse((copy) => copy.set(MANIFEST, encoded({ ...manifest, edition: 2 })), /manifest: edition/);
    await refuse((copy) => copy.set(MANIFEST, encoded({ ...manifest, records: [] })), /manifest: records/);
    await refuse((copy) => copy.set(MANIFEST, new TextEncoder().encode("{")), /found no JSON/);
    // A manifest that fits records which are none: told of each, exit code 1.
    const broken = encoded({ event: "start" });
    const records = manifest.records.map((entry: { file: string }) =>
      entry.file === name ? { ...entry, sha256: sha256(broken) } : entry
    );
    const copy = new Map(files).set(name!, broken).set(MANIFEST, encoded({ ...manifest, records }));
    await Deno.writeFile(file, await packFiles(copy));
    const { code, out } = await callCommand(gate, ["--submission", file, "--sample", "1"]);
    assert.equal(code, 1);
    assert.match(out, /failed/);
  });
});

Deno.test("submit refuses records that are damaged, unfinished, or in two folders", async () => {
  await inFolder(async (folder) => {
    const run = await someRecords(folder);
    const refuse = async (args: readonly string[], pattern: RegExp) => {
      const { code, err } = await callCommand(submit, [...args, "--out", `${folder}/x.tar.gz`]);
      assert.equal(code, 2);
      assert.match(err, pattern);
    };
    await refuse([`${folder}/none`], /Cannot read records/);
    const [path] = await listRecords(run);
    const text = await Deno.readTextFile(path!);
    await Deno.writeTextFile(path!, text.replace('"hits"', '"hit"').replace(/"seconds":{/, '"seconds":{ '));
    await refuse([run], /1 of 2 records are not what a run leaves/);
    await Deno.writeTextFile(path!, `${text.trimEnd().split("\n").slice(0, -1).join("\n")}\n`);
    await refuse([run], /Cannot submit/);
    await Deno.writeTextFile(path!, text);
    const copy = `${folder}/copy`;
    await Deno.mkdir(copy);
    await Deno.copyFile(path!, path!.replace(run, copy));
    await refuse([run, copy], /Cannot submit/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["copy", "run"]);
  });
});
