/**
 * What can be found out about a record from its text, and from the data it speaks of if they are at hand.
 *
 * @module
 */
import type { Dataset } from "../../data/dataset.ts";
import { RECORD_ENDING } from "../layout.ts";
import { type AnyRecord, isEdition1 } from "../records/parse.ts";
import { cellName } from "../records/record.ts";
import { checkSettings, checkTasks, checkUse, methodOf } from "./cell.ts";
import { checkCost } from "./cost.ts";
import { checkCounts, checkShares } from "./counts.ts";
import type { Finding, Verification } from "./finding.ts";
import { checkSplit, checkStream, type KnownStreams } from "./split.ts";
import { readText } from "./text.ts";

/** What is known beside the text. */
export interface VerifyOptions {
  /** Of the file, without its folder; a record that comes from no file has none. */
  readonly fileName?: string;
}

/**
 * Looks at one record. Never throws because of what is in it.
 *
 * @param path Named in findings
 */
export function verifyText(text: string, path: string, { fileName }: VerifyOptions = {}): Verification {
  const { record, findings } = readText(text, path);
  if (!record) return { path, status: "unreadable", findings, notes: [] };
  return {
    path,
    status: record.end?.status ?? "open",
    record,
    findings: [
      ...findings,
      ...(fileName === undefined ? [] : checkName(record, fileName)),
      ...checkRecord(record),
    ],
    notes: isEdition1(record)
      ? [
        "edition 1: methods, settings and numbers of images are not in the record, and it cannot be run again",
      ]
      : [],
  };
}

/**
 * Adds what the data set of a record shows.
 *
 * @param known Handed on from record to record, so that a stream is cut once
 */
export function withData(
  verification: Verification,
  dataset: Dataset,
  known: KnownStreams = new Map(),
): Verification {
  const { record, findings } = verification;
  if (!record) return verification;
  return { ...verification, findings: [...findings, ...checkStream(record, dataset, known)] };
}

function checkName({ start }: AnyRecord, fileName: string): Finding[] {
  const wanted = `${cellName(start.cell)}${RECORD_ENDING}`;
  return fileName === wanted ? [] : [{ check: "name", found: `file ${fileName}`, wanted }];
}

function checkRecord(record: AnyRecord): Finding[] {
  if (isEdition1(record)) {
    const open = record.end ? [] : [unfinished(record)];
    return [...open, ...checkSplit(record), ...checkShares(record), ...checkCost(record)];
  }
  const method = methodOf(record.start.cell);
  const isKnown = !("check" in method);
  return [
    ...checkTasks(record, isKnown ? method : undefined),
    ...(isKnown ? checkUse(record, method) : [method]),
    ...checkSettings(record),
    ...checkSplit(record),
    ...checkCounts(record),
    ...checkCost(record),
  ];
}

function unfinished({ start, tasks }: AnyRecord): Finding {
  return {
    check: "tasks",
    line: tasks.length + 1,
    found: `no end after ${tasks.length} of ${start.cell.tasks} tasks`,
    wanted: "a finished run",
  };
}
