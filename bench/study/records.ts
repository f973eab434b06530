/**
 * The records of a study as they are committed: all of a part in one file, line after line, sorted by the names of
 * their cells and compressed. Equal records give equal bytes, whatever folders they come from.
 *
 * @module
 */
import { gzipSync } from "fflate";
import { ifThere, InputError, printable, systemReason } from "../../src/core/mod.ts";
import {
  cellName,
  compareAll,
  describeFinding,
  RECORD_ENDING,
  type RunRecord,
  type Verification,
  verifyText,
} from "../../src/protocol/mod.ts";
import { canRerun } from "../grid/verify_records.ts";
import { gunzip } from "../submission/archive.ts";

/** A record of a part. */
export interface PartRecord {
  /** Name of its cell. */
  readonly name: string;
  /** As it was written. */
  readonly text: string;
  /** Verified and ended. */
  readonly record: RunRecord;
  /** Present where this version of the program would write the method or its options otherwise. */
  readonly isOld?: true;
}

/** Bounds of what is read: some thousand records. */
const MOST = { packed: 64 * 2 ** 20, unpacked: 2 ** 30 };

/** Where the records of a part are, below the folder of the study. */
export function partFile(part: string): string {
  return `records/${part}${RECORD_ENDING}.gz`;
}

/** The file of some records, each of another cell. */
export function packPart(records: readonly PartRecord[]): Uint8Array {
  const sorted = records.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const text = sorted.map((record) => record.text).join("");
  return gzipSync(new TextEncoder().encode(text), { level: 9, mtime: 0 });
}

/** The records in the text of a part: each begins with the line of a cell. */
function splitRecords(text: string): string[] {
  const records: string[] = [];
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    if (line.startsWith('{"cell":') || records.length === 0) records.push(line);
    else records[records.length - 1] += line;
  }
  return records;
}

/** A record's text, and where it is from. */
interface RecordText {
  /** Named in errors. */
  readonly path: string;
  readonly text: string;
  /** Of a record in a file of its own. */
  readonly fileName?: string;
  /** Whether it was packed before: then a method that is gone since, or has got more options, is no fault. */
  readonly isPacked?: true;
}

/**
 * Holds records against what runs leave, and against one another, as `verify` does without data.
 *
 * @throws {InputError} Naming the first record that is not one, or is not finished
 */
export function verified(texts: readonly RecordText[]): PartRecord[] {
  const all = compareAll(
    texts.map(({ path, text, fileName }) =>
      verifyText(text, path, fileName === undefined ? {} : { fileName })
    ),
  );
  return all.map((one, i) => ({ ...usable(one, texts[i]!.isPacked ?? false), text: texts[i]!.text }));
}

function usable({ path, record, findings }: Verification, isPacked: boolean): Omit<PartRecord, "text"> {
  const fail = (reason: string): never => {
    throw new InputError(`Cannot use record ${printable(path)}: ${printable(reason, 1000)}`);
  };
  if (record && !record.end) {
    fail(
      `found ${record.tasks.length} of ${record.start.cell.tasks} tasks and no end, wanted a finished run`,
    );
  }
  const finding = findings.find(({ check }) => !isPacked || check !== "method");
  if (finding) fail(describeFinding(finding));
  if (!canRerun(record)) return fail("found edition 1, wanted the present one");
  return { name: cellName(record.start.cell), record, ...(findings.length > 0 && { isOld: true }) };
}

/**
 * Unpacks and verifies the records of a part, in the order of their names.
 *
 * @throws {InputError} If they are damaged, out of order or not all finished
 */
export async function unpackPart(bytes: Uint8Array, path: string): Promise<PartRecord[]> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      await gunzip(bytes, MOST.unpacked),
    );
  } catch {
    throw new InputError(
      `Cannot read the study's records ${
        printable(path)
      }: found no whole gzip of text within ${MOST.unpacked} bytes, ` +
        "wanted what deno task study --pack writes",
    );
  }
  const records = verified(
    splitRecords(text).map((text, i) => ({ path: `${i + 1} of ${path}`, text, isPacked: true })),
  );
  const wrong = records.findIndex(({ name }, i) => i > 0 && name <= records[i - 1]!.name);
  if (wrong > 0) {
    throw new InputError(
      `Cannot read the study's records ${printable(path)}: found ${records[wrong]!.name} after ${
        records[wrong - 1]!.name
      }, wanted each cell once, sorted by name`,
    );
  }
  return records;
}

/**
 * The records of a part; none if there is no file.
 *
 * @param folder Of the study
 * @throws {InputError} If the file cannot be read, or is damaged
 */
export async function readPart(folder: string, part: string): Promise<PartRecord[]> {
  const path = `${folder}/${partFile(part)}`;
  let bytes: Uint8Array | undefined;
  try {
    bytes = await ifThere(async () => {
      const { size } = await Deno.stat(path);
      if (size > MOST.packed) {
        throw new InputError(
          `Cannot read the study's records ${path}: found ${size} bytes, wanted at most ${MOST.packed}`,
        );
      }
      return await Deno.readFile(path);
    });
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read the study's records ${path}: ${systemReason(error)}`);
  }
  return bytes === undefined ? [] : await unpackPart(bytes, partFile(part));
}
