/**
 * `deno task submit`: packs the records of a run, with what it takes to run their cells again, into one file, after
 * verifying them.
 *
 * @module
 */
import type { Command } from "commander";
import project from "../../deno.json" with { type: "json" };
import { InputError, printable, replaceFile, systemReason } from "../../src/core/mod.ts";
import { compareAll, describeFinding, readRecordFile, type RunRecord } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { findRecords } from "../grid/find_records.ts";
import { Materials } from "../grid/materials.ts";
import { addMaterials, canRerun, readVerification, type Verified } from "../grid/verify_records.ts";
import { MANIFEST, packFiles, RECORDS } from "../submission/archive.ts";
import { type Manifest, manifestOf } from "../submission/manifest.ts";

interface Options {
  readonly out: string;
}

function configure(command: Command): void {
  command
    .argument("<dirs...>", "folders of bench, or of records")
    .option("--out <file>", "where the submission goes", "submission.tar.gz");
}

async function run(places: readonly string[], { out }: Options, output: Output): Promise<number> {
  const verified = await verifyAll(places, output);
  const wrong = verified.filter(({ findings }) => findings.length > 0);
  for (const { path, findings } of wrong) {
    for (const finding of findings) {
      output.err(`${printable(path)}: ${printable(describeFinding(finding), 1000)}\n`);
    }
  }
  if (wrong.length > 0) {
    throw new InputError(
      `Cannot submit: ${wrong.length} of ${verified.length} records are not what a run leaves, see above`,
    );
  }
  const records = await Promise.all(verified.map(async ({ path, record }) => ({
    file: `${RECORDS}${path.replace(/^.*[/\\]/, "")}`,
    bytes: new TextEncoder().encode(await readRecordFile(path)),
    record: submittable(path, record),
  })));
  checkDistinct(records.map(({ file }) => file));
  const manifest = manifestOf(records, project.version);
  const files = new Map(records.map(({ file, bytes }) => [file, bytes]));
  files.set(MANIFEST, new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));
  const packed = await packFiles(files);
  try {
    await replaceFile(out, packed);
  } catch (error) {
    throw new InputError(`Cannot write ${printable(out)}: ${systemReason(error)}`);
  }
  output.out(`${records.length} records in ${out} (${Math.ceil(packed.length / 1024)} KiB)\n`);
  tellOfPlaces(manifest, output);
  return 0;
}

async function verifyAll(places: readonly string[], output: Output): Promise<Verified[]> {
  const read: Verified[] = [];
  for (const path of await findRecords(places)) read.push(await readVerification(path));
  // Whoever submits has the data that the own records name.
  const materials = new Materials({ ownPaths: true, output });
  const verified: Verified[] = [];
  for (const one of compareAll(read)) verified.push(await addMaterials(one, materials));
  return verified;
}

function submittable(path: string, record: Verified["record"]): RunRecord {
  if (canRerun(record) && record.end) return record;
  throw new InputError(
    `Cannot submit ${printable(path)}: found ${
      record?.end ? "edition 1" : "an unfinished run"
    }, wanted a finished run`,
  );
}

function checkDistinct(files: readonly string[]): void {
  const twice = files.find((file, i) => files.indexOf(file) !== i);
  if (twice !== undefined) {
    throw new InputError(`Cannot submit ${printable(twice)}: found it in two folders, wanted one`);
  }
}

/** Records name paths as they were given; whoever submits should know what others will read. */
function tellOfPlaces({ needs: { data, backbones } }: Manifest, output: Output): void {
  const places = [...data.map(({ spec }) => spec), ...backbones.map(({ path }) => path)];
  const telling = places.filter((place) => place !== null && /[/\\]/.test(place)) as string[];
  if (telling.length > 0) {
    output.err(
      `The records name ${
        telling.map((place) => printable(place)).join(" and ")
      }: others will read that, and need the same data\n`,
    );
  }
}

/** The command. */
export const submit: CommandSpec<Options> = {
  name: "submit",
  description:
    "Packs records, with what it takes to run their cells again, into one file for others to verify.",
  configure,
  run,
};

if (import.meta.main) await runMain(submit);
