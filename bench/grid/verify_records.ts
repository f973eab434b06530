/**
 * Verifying records in files: reading them, and what data, backbones and backends of this machine add.
 *
 * @module
 */
import { ifThere, InputError, printable } from "../../src/core/mod.ts";
import {
  type AnyRecord,
  cellName,
  checkBoard,
  describeDifference,
  type Finding,
  readRecordFile,
  type RunRecord,
  type Verification,
  verifyText,
  withData,
} from "../../src/protocol/mod.ts";
import { type Materials, MissingError } from "./materials.ts";
import { type RerunOptions, rerunRecord, type RerunResult, type RerunSession } from "./rerun.ts";

/** What was found out about a record's file. */
export interface Verified extends Verification {
  /** Present if its cell was run again. */
  readonly rerun?: RerunResult;
}

/** Whether a record says enough to be run again. */
export function canRerun(record: AnyRecord | undefined): record is RunRecord {
  return record !== undefined && record.start.cell.edition !== 1;
}

/** Reads a file and looks at it. Never throws because of what is in it. */
export async function readVerification(path: string): Promise<Verified> {
  try {
    return verifyText(await readRecordFile(path), path, { fileName: path.replace(/^.*[/\\]/, "") });
  } catch (error) {
    const isGone = error instanceof Deno.errors.NotFound;
    if (!(error instanceof InputError) && !isGone) throw error;
    const [, found, wanted] = /: (?:found )?(.*?)(?:, wanted (.*))?$/s.exec((error as Error).message) ?? [];
    const finding: Finding = {
      check: "shape",
      found: isGone ? "no such file" : found ?? "nothing readable",
      wanted: wanted ?? "a record",
    };
    return { path, status: "unreadable", findings: [finding], notes: [] };
  }
}

/** Adds what data set and backbone of the record show, as far as they are here. */
export async function addMaterials(verified: Verified, materials: Materials): Promise<Verified> {
  const { record } = verified;
  if (!canRerun(record)) return verified;
  const findings: Finding[] = [];
  const notes: string[] = [];
  const tell = (error: unknown, what: string) => {
    if (!(error instanceof MissingError)) throw error;
    if (error.contradicts) findings.push(sourceFinding(error));
    else notes.push(`${what} not checked. ${error.message}`);
  };
  let checked: Verified = verified;
  try {
    checked = withData(verified, await materials.dataset(record), materials.streams);
  } catch (error) {
    tell(error, "split");
  }
  try {
    await materials.backbone(record);
  } catch (error) {
    tell(error, "backbone");
  }
  return {
    ...checked,
    findings: [...checked.findings, ...findings],
    notes: [...checked.notes, ...notes],
  };
}

function sourceFinding({ message }: Error): Finding {
  const [, found, wanted] = /: found (.*), wanted (.*)$/s.exec(message) ?? [];
  return { check: "source", line: 1, found: found ?? message, wanted: wanted ?? "what the cell says" };
}

/** Adds what running the cell again shows. */
export async function addRerun(
  verified: Verified,
  options: RerunOptions,
  session: RerunSession,
): Promise<Verified> {
  const { record, findings } = verified;
  if (record === undefined) return verified;
  const add = (found: string, wanted: string, rerun?: RerunResult): Verified => ({
    ...verified,
    findings: [...findings, { check: "rerun", found, wanted }],
    ...(rerun && { rerun }),
  });
  if (!canRerun(record)) return add("a record of edition 1", "edition 2, which can be run again");
  const rerun = await rerunRecord(record, options, session);
  if (rerun.verdict === "impossible") {
    return add(printable(rerun.reason!, 2000), "a cell that can be run here", rerun);
  }
  if (rerun.verdict === "different") {
    return add(describeDifference(rerun.difference!), "the same as recorded", rerun);
  }
  return { ...verified, rerun };
}

/**
 * Holds a leaderboard's file against records.
 *
 * @throws {InputError} If the file cannot be read
 */
export async function readBoard(path: string, verified: readonly Verified[]): Promise<Verified> {
  const records = verified.flatMap(({ path, record }) => record ? [{ path, record }] : []);
  // A cell may be there twice, as a copy.
  const cells = new Map(records.map((found) => [cellName(found.record.start.cell), found]));
  const text = await ifThere(() => readRecordFile(path));
  if (text === undefined) {
    throw new InputError(`Cannot read leaderboard ${printable(path)}: it does not exist`);
  }
  return { path, status: "board", findings: checkBoard(text, [...cells.values()]), notes: [] };
}
