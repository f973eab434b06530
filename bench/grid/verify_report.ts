/**
 * What verification found out, for people and for programs.
 *
 * @module
 */
import { type JsonObject, printable } from "../../src/core/mod.ts";
import {
  cellName,
  countFigures,
  describeDifference,
  describeFinding,
  seedName,
  type Verification,
} from "../../src/protocol/mod.ts";
import { canRerun, type Verified } from "./verify_records.ts";

const RERUNS = {
  equal: "run again: equal",
  near: "run again on another kind of machine: within tolerance",
  different: "run again: different",
  impossible: "not run again",
} as const;

/** A line with the verdict, and one for each finding. */
export function textOfVerified({ path, record, status, findings, notes, rerun }: Verified): string {
  const verdict = findings.length > 0 ? "WRONG" : "ok";
  const cell = record?.start.cell;
  const about = cell ? `${cell.method} T=${cell.tasks} seed ${seedName(cell)}` : status;
  const { pooled, taskMean } = record ? countFigures(record) : {};
  const accuracy = pooled ?? taskMean;
  const parts = [
    `${verdict.padEnd(5)} ${about}`,
    ...(accuracy === undefined ? [] : [`accuracy ${accuracy.toFixed(4)}`]),
    ...(rerun ? [RERUNS[rerun.verdict]] : []),
    path,
  ];
  const allowed = rerun?.verdict === "near" && rerun.difference ? [describeDifference(rerun.difference)] : [];
  const lines = [
    ...findings.map((finding) => `  ${describeFinding(finding)}`),
    ...[...notes, ...allowed].map((note) => `  note: ${note}`),
  ];
  return [parts.join(", "), ...lines].map((line) => `${printable(line, 2000)}\n`).join("");
}

/** The same for programs, with every figure that follows from the record. */
export function reportOf({ path, record, status, findings, notes, rerun }: Verified): JsonObject {
  return {
    path,
    verdict: findings.length > 0 ? "wrong" : "ok",
    status,
    ...(record && { cell: cellName(record.start.cell), figures: countFigures(record) as JsonObject }),
    ...(record?.end && { hash: record.end.hash }),
    findings: findings.map((finding) => ({ ...finding })),
    notes: [...notes],
    ...(rerun && {
      rerun: {
        verdict: rerun.verdict,
        ...(rerun.reason !== undefined && { reason: rerun.reason }),
        ...(rerun.difference && { difference: { ...rerun.difference } }),
        ...(rerun.recomputed?.end && { hash: rerun.recomputed.end.hash }),
      },
    }),
  };
}

/** One line on all records. */
export function summaryOf(verified: readonly Verified[]): string {
  const all = verified.filter(({ status }) => status !== "board");
  const wrong = all.filter(({ findings }) => findings.length > 0).length;
  const again = all.filter(({ rerun }) => rerun && rerun.verdict !== "impossible").length;
  const unchecked =
    all.filter(({ notes }: Verification) => notes.some((note) => note.includes("not checked"))).length;
  return [
    `${all.length} records: ${all.length - wrong} ok, ${wrong} wrong`,
    ...(again > 0 ? [`${again} run again`] : []),
    ...(unchecked > 0 ? [`${unchecked} not held against their data or backbone, which are not here`] : []),
    ...(again === 0 && all.some(({ record }) => canRerun(record))
      ? ["whether the numbers repeat is seen with --rerun only"]
      : []),
  ].join("; ") + "\n";
}
