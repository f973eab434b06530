import assert from "node:assert/strict";
import { createRng } from "../../src/core/mod.ts";
import { describeFinding, verifyText } from "../../src/protocol/mod.ts";
import { RerunSession } from "../grid/rerun.ts";
import { addMaterials, addRerun, type Verified } from "../grid/verify_records.ts";
import { inFolder, writeSuite } from "../test_kit.ts";
import { run } from "./test_bench.ts";
import { type Edit, plainEdits, plausibleEdits, type RecordFile, sealedEdits } from "./test_tampering.ts";

const EDITS = 300;

/** By what an edit was found. */
type FoundBy = "text" | "data" | "rerun" | "nothing";

/** Small records of methods that train, under their names. */
async function makeRecords(folder: string): Promise<RecordFile[]> {
  const settings = { rank: 2, alpha: 2, epochs: 1, batchSize: 4, loss: "seen" };
  const suite = await writeSuite(folder, { methods: ["naive", "ham", "joint"], tasks: [2, 4], settings });
  const { code, err } = await run("--suite", suite, "--out", `${folder}/run`);
  assert.equal(code, 0, err);
  const files: RecordFile[] = [];
  for await (const { name } of Deno.readDir(`${folder}/run/records`)) {
    files.push({ name, text: await Deno.readTextFile(`${folder}/run/records/${name}`) });
  }
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}

function look({ name, text }: RecordFile): Verified {
  return verifyText(text, `records/${name}`, { fileName: name });
}

async function foundBy(file: RecordFile, session: RerunSession): Promise<FoundBy> {
  const text = look(file);
  if (text.findings.length > 0) return "text";
  const data = await addMaterials(text, session.materials);
  if (data.findings.length > 0) return "data";
  const { findings } = await addRerun(data, {}, session);
  return findings.length > 0 ? "rerun" : "nothing";
}

Deno.test("verify finds all of 300 single edits, and plain ones without running anything", () =>
  inFolder(async (folder) => {
    const files = await makeRecords(folder);
    const session = new RerunSession({ backbones: [`${folder}/tiny.safetensors`] });
    try {
      for (const file of files) {
        const whole = await addRerun(await addMaterials(look(file), session.materials), {}, session);
        assert.deepEqual(whole.findings.map(describeFinding), [], file.name);
        assert.equal(whole.rerun!.verdict, "equal");
      }
      const kinds: Readonly<Record<string, Edit>> = { ...plainEdits, ...sealedEdits, ...plausibleEdits };
      const rng = createRng(12, "tampering");
      const counts = new Map<string, Record<FoundBy, number>>();
      for (let i = 0; i < EDITS; i++) {
        const [kind, edit] = Object.entries(kinds)[i % Object.keys(kinds).length]!;
        let edited: RecordFile | undefined;
        while (!edited) edited = edit(files[rng.integer(files.length)]!, rng);
        const by = await foundBy(edited, session);
        const count = counts.get(kind) ?? { text: 0, data: 0, rerun: 0, nothing: 0 };
        count[by]++;
        counts.set(kind, count);
        const wanted: readonly FoundBy[] = kind in plainEdits
          ? ["text"]
          : kind in sealedEdits
          ? ["text", "data"]
          : ["text", "rerun"];
        assert.ok(wanted.includes(by), `edit ${i}, ${kind}: found by ${by}\n${edited.name}\n${edited.text}`);
      }
      for (const kind of Object.keys(plausibleEdits)) {
        assert.ok(counts.get(kind)!.rerun > 0, `${kind} never needs the rerun: it belongs to another list`);
      }
    } finally {
      await session.dispose();
    }
  }));
