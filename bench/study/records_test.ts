import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "fflate";
import { canonicalJson, InputError, type JsonObject } from "../../src/core/mod.ts";
import { cellName, type Facts, type Seal, seal } from "../../src/protocol/mod.ts";
import { inFolder } from "../test_kit.ts";
import { type LoadedSuite, loadSuite } from "../grid/plan.ts";
import { resolveSuite, type SuiteFlags } from "../grid/suite.ts";
import { gatherRecords } from "./gather.ts";
import { packPart, type PartRecord, readPart, unpackPart } from "./records.ts";
import { type BenchArguments, commandLine, commandsOf } from "./reproduce.ts";
import { BASELINE, baseline } from "./test_study.ts";

const records = (await baseline()).filter(({ record }) => record.start.cell.tasks === 4);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(gunzipSync(bytes));

/** A part with changed text. */
function changed(change: (text: string) => string): Uint8Array {
  return gzipSync(new TextEncoder().encode(change(decode(packPart(records)))));
}

/** A record as if its method had had other options, with the hashes that belong to it. */
function sealedAgain({ text }: PartRecord, change: (options: JsonObject) => JsonObject): PartRecord {
  let last: Seal | undefined;
  const lines = text.trimEnd().split("\n").map((line) => {
    const { hash: _, chain: __, ...facts } = JSON.parse(line);
    if (facts.event === "start") facts.cell.options = change(facts.cell.options);
    const sealed: Facts & Seal = seal(facts as Facts, last);
    last = sealed;
    return `${canonicalJson({ ...sealed } as unknown as JsonObject)}\n`;
  });
  const { cell } = JSON.parse(lines[0]!);
  return { name: cellName(cell), text: lines.join("") } as PartRecord;
}

async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof InputError, `${error}`);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("packPart() gives equal bytes for equal records in any order, without a time", async () => {
  const packed = packPart(records);
  assert.deepEqual(packPart(records.toReversed()), packed);
  // RFC 1952: magic, deflate, no flags, time 0.
  assert.deepEqual([...packed.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
  const read = await unpackPart(packed, "x.jsonl.gz");
  const texts = new Map(records.map(({ name, text }) => [name, text]));
  assert.ok(read.every(({ name, text }) => texts.get(name) === text));
  assert.deepEqual(read.map(({ name }) => name), records.map(({ name }) => name).sort());
  assert.deepEqual(packPart(read), packed);
});

Deno.test("unpackPart() names the record that was tampered with", async () => {
  const unpack = (bytes: Uint8Array) => unpackPart(bytes, "x.jsonl.gz");
  await refused(
    unpack(changed((text) => text.replace('"classIncremental":[9', '"classIncremental":[8'))),
    /Cannot use record \d+ of x\.jsonl\.gz: seal, line \d: found/,
  );
  await refused(unpack(changed((text) => text.replace('"train":1', '"train":2'))), /seal, line/);
  await refused(
    unpack(changed((text) => text.split("\n").slice(0, -2).join("\n") + "\n")),
    /found 4 of 4 tasks and no end, wanted a finished run/,
  );
  await refused(
    unpack(changed((text) => text.split("\n").toSpliced(2, 1).join("\n"))),
    /Cannot use record 1 of/,
  );
  await refused(
    unpack(changed((text) => `${text}${text}`)),
    /found concat-pruned.* after .*, wanted each cell once/,
  );
  await refused(unpack(changed((text) => `hello\n${text}`)), /Cannot use record 1 of x/);
  await refused(unpack(new Uint8Array([1, 2, 3])), /found no whole gzip of text/);
  await refused(unpack(packPart(records).subarray(0, 5000)), /found no whole gzip of text/);
  const flipped = packPart(records);
  flipped[3000]! ^= 4;
  await refused(unpack(flipped), /found no whole gzip of text/);
  assert.deepEqual(await unpack(packPart([])), []);
});

Deno.test("unpackPart() keeps records of a method that has got an option since, and says so; they are not packed anew", async () => {
  const older = sealedAgain(records[0]!, ({ gamma: _, keep: __, start: ___, ...options }) => options);
  const [read] = await unpackPart(packPart([older]), "x.jsonl.gz");
  assert.equal(read!.isOld, true);
  assert.equal((await unpackPart(packPart(records), "x.jsonl.gz")).some(({ isOld }) => isOld), false);
  await inFolder(async (folder) => {
    const path = await runFolder(folder, [older]);
    await refused(gatherRecords([path], []), /method, line 1: found options/);
    assert.equal(
      (await gatherRecords([await runFolder(`${folder}/b`, [records[1]!])], [], [read!])).length,
      2,
    );
  });
});

Deno.test("readPart() is empty where there is no file", () =>
  inFolder(async (folder) => {
    assert.deepEqual(await readPart(folder, "smoke"), []);
    await Deno.mkdir(`${folder}/records/smoke.jsonl.gz`, { recursive: true });
    await refused(readPart(folder, "smoke"), /Cannot read the study's records .*smoke\.jsonl\.gz: /);
  }));

/** A folder with some records as a run leaves them. */
async function runFolder(
  folder: string,
  own: readonly PartRecord[],
  change = (text: string) => text,
): Promise<string> {
  await Deno.mkdir(`${folder}/records`, { recursive: true });
  for (const { name, text } of own) await Deno.writeTextFile(`${folder}/records/${name}.jsonl`, change(text));
  return folder;
}

Deno.test("gatherRecords() refuses unfinished, damaged, renamed and contradicting records by name", () =>
  inFolder(async (folder) => {
    const [one, two] = records as [PartRecord, PartRecord];
    const gather = (name: string, change?: (text: string) => string) =>
      runFolder(`${folder}/${name}`, [one], change).then((path) => gatherRecords([path], []));
    const path = new RegExp(`${one.name}\\.jsonl: `);
    await refused(gather("open", (text) => text.split("\n").slice(0, -2).join("\n") + "\n"), path);
    await refused(
      gather("open", (text) => text.split("\n").slice(0, 2).join("\n") + "\n"),
      /found 1 of 4 tasks/,
    );
    await refused(gather("damaged", (text) => text.replace('"steps":4', '"steps":5')), /seal, line/);
    await refused(gather("other", () => two.text), /name: found file .*, wanted/);
    await refused(gatherRecords([`${folder}/none`], []), /Cannot read records in .*none/);
    await refused(
      gatherRecords([new URL("../../fixtures/records/edition1", import.meta.url).pathname], []),
      /edition/,
    );
  }));

Deno.test("gatherRecords() takes each cell once, and adds to what is there", () =>
  inFolder(async (folder) => {
    const a = await runFolder(`${folder}/a`, records.slice(0, 2));
    const b = await runFolder(`${folder}/b`, records.slice(1, 3));
    assert.equal((await gatherRecords([a, b], [])).length, 3);
    assert.deepEqual(
      (await gatherRecords([b], [], records.slice(0, 2))).map(({ name }) => name).sort(),
      records.slice(0, 3).map(({ name }) => name).sort(),
    );
  }));

Deno.test("gatherRecords() lets no path of a machine in; a renamed one leaves the hash as it is", () =>
  inFolder(async (folder) => {
    // An edit that nobody sees: the source is no part of the hash, and the chain is made anew by renaming back.
    const [one] = records as [PartRecord];
    const away = [{ from: "procedural:", to: "/disk/of/mine:" }];
    const home = await runFolder(`${folder}/home`, [one]);
    await refused(
      gatherRecords([home], away),
      new RegExp(
        `${one.name}\\.jsonl: found /disk/of/mine:classes=12.* as its source, wanted no path of one`,
      ),
    );
    const [moved] = await gatherRecords([home], [{ from: "procedural:", to: "made:" }]);
    assert.equal(moved!.record.start.source!.data!.spec, "made:classes=12,trainPerClass=8,testPerClass=4");
    assert.equal(moved!.record.end!.hash, one.record.end!.hash);
    assert.notEqual(moved!.record.end!.chain, one.record.end!.chain);
    const [back] = await gatherRecords(
      [await runFolder(`${folder}/moved`, [moved!])],
      [{ from: "made:", to: "procedural:" }],
    );
    assert.equal(back!.text, one.text);
  }));

/** What `deno task bench` plans for some arguments. */
async function planOf(args: BenchArguments): Promise<LoadedSuite> {
  const flags: Record<string, string | string[]> = {};
  for (let i = 0; i < args.length; i += 2) {
    const key = args[i]!.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    flags[key] = key === "set" ? [args[i + 1]!] : args[i + 1]!;
  }
  return await loadSuite(await resolveSuite(flags as unknown as SuiteFlags));
}

Deno.test("commandsOf() gives the commands that plan the same cells", async () => {
  const all = await gatherRecords([BASELINE], []);
  const onnx = all.filter(({ record }) => record.start.cell.backend === "onnx-node");
  // ham lacks a seed at T=4, so that it needs a command of its own.
  const ragged = onnx.filter(({ record: { start: { cell } } }) =>
    cell.method !== "ham" || cell.tasks === 2 || cell.orderSeed > 0
  );
  const commands = commandsOf(ragged);
  assert.equal(commands.length, 3);
  const names = (await Promise.all(commands.map(planOf))).flatMap(({ cells }) => cells).map(({ job }) =>
    job.name
  );
  assert.deepEqual(names.sort(), ragged.map(({ name }) => name).sort());
  assert.match(
    commandLine(commands[0]!),
    /^deno task bench --suite bench\/study\/base\.json --data procedural:/,
  );
  assert.equal(commandLine(["--methods", "a b'c"]), `deno task bench --methods 'a b'\\''c'`);
});

Deno.test("commandsOf() names the facts about a backbone that a run was told", async () => {
  const [first] = await baseline();
  const { start } = first!.record;
  const told = (facts: JsonObject): PartRecord => ({
    ...first!,
    record: {
      ...first!.record,
      start: { ...start, source: { ...start.source!, backbone: { path: "nano", facts } } },
    },
  });
  const commands = commandsOf([told({}), told({ pool: "token-and-layers" })]);
  assert.equal(commands.length, 2);
  const [plain, layered] = await Promise.all(commands.map(planOf));
  assert.notEqual(plain!.cells[0]!.job.name, layered!.cells[0]!.job.name);
  assert.deepEqual(layered!.source.backbone?.facts, { pool: "token-and-layers" });
  const [odd] = commandsOf([told({ mean: [0.5, 0.4, 0.3], ignoreUnknown: true })]);
  assert.match(commandLine(odd!), / --mean 0\.5,0\.4,0\.3 --ignore-unknown --backend /);
});
