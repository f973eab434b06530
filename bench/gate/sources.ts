/**
 * Where the gate's records come from: a baseline, which is trusted to be whole, and a run, which is not.
 *
 * @module
 */
import { InputError, printable, systemReason } from "../../src/core/mod.ts";
import {
  cellName,
  describeFinding,
  readRecordFile,
  RECORD_ENDING,
  type RunRecord,
} from "../../src/protocol/mod.ts";
import { findRecords } from "../grid/find_records.ts";
import { canRerun, readVerification } from "../grid/verify_records.ts";

/** A record, and the file that it came from. */
export interface FoundRecord {
  readonly path: string;
  readonly text: string;
  readonly record: RunRecord;
}

/** A baseline. */
export interface Baseline {
  /** Finished ones. */
  readonly records: readonly FoundRecord[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

/** A part of a baseline. */
export interface Selection {
  readonly backends?: readonly string[];
  /** Of class orders. */
  readonly seeds?: readonly number[];
}

function isSelected({ start: { cell } }: RunRecord, { backends, seeds }: Selection): boolean {
  return (!backends || backends.includes(cell.backend)) && (!seeds || seeds.includes(cell.orderSeed));
}

/** Folders within one another in a baseline. */
const MOST_FOLDERS = 4;

/**
 * The records of the present edition in a folder and below it.
 *
 * @param only Of which cells; all by default
 * @throws {InputError} If a record is not what a run would have left, or none is there
 */
export async function readBaseline(folder: string, only: Selection = {}): Promise<Baseline> {
  const records: FoundRecord[] = [];
  let [older, others] = [0, 0];
  for (const path of await recordsBelow(folder, MOST_FOLDERS)) {
    const { record, findings } = await readVerification(path);
    const [finding] = findings;
    if (!canRerun(record)) {
      if (!record) {
        throw new InputError(`Cannot use ${printable(path)} as baseline: ${describeFinding(finding!)}`);
      }
      older++;
    } else if (finding) {
      throw new InputError(`Cannot use ${printable(path)} as baseline: ${describeFinding(finding)}`);
    } else if (!record.end) {
      throw new InputError(`Cannot use ${printable(path)} as baseline: the run is unfinished`);
    } else if (!isSelected(record, only)) {
      others++;
    } else {
      records.push({ path, text: await readRecordFile(path), record });
    }
  }
  if (records.length === 0) {
    throw new InputError(`Cannot compare with ${printable(folder)}: found no records to compare`);
  }
  const unknown =
    only.backends?.find((name) => !records.some(({ record }) => record.start.cell.backend === name)) ??
      only.seeds?.find((seed) => !records.some(({ record }) => record.start.cell.orderSeed === seed));
  if (unknown !== undefined) {
    throw new InputError(`Cannot compare ${unknown} with ${printable(folder)}: found no record of it`);
  }
  return {
    records,
    notes: [
      ...(older > 0
        ? [`${older} records of the first edition are not compared: they cannot be run again`]
        : []),
      ...(others > 0 ? [`${others} cells of other backends or seeds are not compared, as asked`] : []),
    ],
  };
}

async function recordsBelow(folder: string, depth: number): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
      const path = `${folder.replace(/(.)[/\\]+$/, "$1")}/${name}`;
      if (isFile && name.endsWith(RECORD_ENDING)) paths.push(path);
      if (isDirectory && depth > 0) paths.push(...await recordsBelow(path, depth - 1));
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read the baseline ${printable(folder)}: ${systemReason(error)}`);
  }
  return paths.sort();
}

/** A run. */
export interface Run {
  /** By name of the cell. */
  readonly records: ReadonlyMap<string, FoundRecord>;
  /** Records that are not what a run would have left, or that contradict one another. */
  readonly problems: readonly string[];
}

/**
 * The records of some folders. What is wrong with them is told, not thrown: the gate names all of it.
 *
 * @throws {InputError} If a folder cannot be read, or has no records
 */
export async function readRun(places: readonly string[]): Promise<Run> {
  const records = new Map<string, FoundRecord>();
  const problems: string[] = [];
  for (const path of await findRecords(places)) {
    const { record, findings } = await readVerification(path);
    problems.push(...findings.map((finding) => `${path}: ${describeFinding(finding)}`));
    if (!canRerun(record)) continue;
    const name = cellName(record.start.cell);
    const [known, found] = [records.get(name), { path, text: await readRecordFile(path), record }];
    if (known?.record.end && record.end && known.record.end.hash !== record.end.hash) {
      problems.push(`${known.path} and ${path} are records of one cell with different results`);
    }
    if (!known || (record.end && !known.record.end)) records.set(name, found);
  }
  return { records, problems };
}
