/**
 * Records against a baseline, cell by cell. A hash that has to repeat and does not, a score that left its bounds and
 * a cell that is gone are failures, unless a reason is on record.
 *
 * @module
 */
import {
  type Cell,
  cellName,
  describeDifference,
  environmentsOf,
  exactDifference,
  isSameKind,
  nearDifference,
  type RunRecord,
  seedName,
} from "../../src/protocol/mod.ts";
import { exactBackends } from "../grid/exact_backends.ts";
import { explain, type Reason } from "./reasons.ts";

/**
 * - `equal`: the hash is the baseline's.
 * - `near`: another kind of machine, where sums round otherwise; split equal, accuracy within `TOLERANCE`.
 * - `accepted`: the hash changed, for a reason on record.
 * - `changed`: the hash had to repeat and did not.
 * - `outside`: another kind of machine, and a score beyond what rounding does.
 * - `missing`: not run, or not to its end.
 * - `new`: the baseline does not have it.
 */
export type CellStatus = "equal" | "near" | "accepted" | "changed" | "outside" | "missing" | "new";

/** What the baseline or the run says of a cell. */
export interface Score {
  /** Of the record. */
  readonly hash: string;
  /** Right answers in the end, over the test images of all classes; absent of a run that failed. */
  readonly hits?: number;
  /** Test images of all classes. */
  readonly images: number;
}

/** What became of a cell. */
export interface CellResult {
  /** Name, as in a record's file and in a reason. */
  readonly cell: string;
  /** For people. */
  readonly label: string;
  readonly backend: string;
  readonly status: CellStatus;
  readonly baseline?: Score;
  readonly found?: Score;
  /** Accuracy in the end, found − baseline, as a share. */
  readonly change?: number;
  /** The first thing that differs, or why a cell counts as missing. */
  readonly difference?: string;
  /** Of an accepted change. */
  readonly reasons?: readonly Reason[];
  /** Of a missing cell: the one that seems to have taken its place. */
  readonly successor?: string;
}

/** Statuses that fail the gate. */
export const failing: ReadonlySet<CellStatus> = new Set(["changed", "outside", "missing"]);

/** Every cell of baseline and run, in the order of their names. */
export function compareCells(
  baseline: readonly RunRecord[],
  found: readonly RunRecord[],
  reasons: readonly Reason[],
): CellResult[] {
  const here = new Map(found.map((record) => [cellName(record.start.cell), record]));
  const known = new Set(baseline.map(({ start }) => cellName(start.cell)));
  const fresh = found.filter(({ start }) => !known.has(cellName(start.cell)));
  const results = [
    ...baseline.map((record) => compareCell(record, here.get(cellName(record.start.cell)), fresh, reasons)),
    ...fresh.map((record): CellResult => ({ ...nameOf(record), status: "new", ...foundOf(record) })),
  ];
  return results.sort((a, b) => a.cell < b.cell ? -1 : a.cell > b.cell ? 1 : 0);
}

function compareCell(
  record: RunRecord,
  found: RunRecord | undefined,
  fresh: readonly RunRecord[],
  reasons: readonly Reason[],
): CellResult {
  const name = nameOf(record);
  const baseline = scoreOf(record)!;
  if (!found?.end) return missing(record, found, fresh, reasons);
  const pair = { ...name, baseline, ...foundOf(found), ...changeOf(record, found) };
  if (found.end.hash === baseline.hash) return { ...pair, status: "equal" };
  const exact = exactDifference(record, found);
  const difference = exact && { difference: describeDifference(exact) };
  const why = explain(reasons, name.cell, baseline.hash, found.end.hash);
  if (why) return { ...pair, status: "accepted", ...difference, reasons: why };
  if (mustRepeat(record, found)) return { ...pair, status: "changed", ...difference };
  const far = nearDifference(record, found);
  if (far) return { ...pair, status: "outside", difference: describeDifference(far) };
  return { ...pair, status: "near" };
}

function missing(
  record: RunRecord,
  found: RunRecord | undefined,
  fresh: readonly RunRecord[],
  reasons: readonly Reason[],
): CellResult {
  const name = nameOf(record);
  const baseline = scoreOf(record)!;
  const why = explain(reasons, name.cell, baseline.hash, null);
  if (why) return { ...name, status: "accepted", baseline, reasons: why };
  if (found) {
    const done = `unfinished: ${found.tasks.length} of ${record.start.cell.tasks} tasks`;
    return { ...name, status: "missing", baseline, difference: done };
  }
  const successor = fresh.find(({ start }) => placeOf(start.cell) === placeOf(record.start.cell));
  if (!successor) return { ...name, status: "missing", baseline, difference: "no record" };
  const parts = nearDifference(record, successor);
  return {
    ...name,
    status: "missing",
    baseline,
    ...foundOf(successor),
    ...changeOf(record, successor),
    successor: cellName(successor.start.cell),
    ...(parts && { difference: describeDifference(parts) }),
  };
}

/** Where a cell stands in a table, whatever its options and settings are. */
function placeOf({ method, tasks, orderSeed, trainSeed, backend, dataset }: Cell): string {
  return JSON.stringify([method, tasks, orderSeed, trainSeed, backend, dataset.name]);
}

/** Whether two records of a cell have to be equal: by their backend anywhere, otherwise on the same kind of machine. */
function mustRepeat(a: RunRecord, b: RunRecord): boolean {
  if ((exactBackends as readonly string[]).includes(a.start.cell.backend)) return true;
  const [first, ...others] = [...environmentsOf(a), ...environmentsOf(b)];
  return others.every((other) => isSameKind(first!, other));
}

function nameOf({ start: { cell } }: RunRecord) {
  const label = `${cell.method} T=${cell.tasks} seed ${seedName(cell)} (${cell.backend})`;
  return { cell: cellName(cell), label, backend: cell.backend };
}

function foundOf(record: RunRecord): { readonly found?: Score } {
  const found = scoreOf(record);
  return found ? { found } : {};
}

function scoreOf({ tasks, end }: RunRecord): Score | undefined {
  if (!end) return undefined;
  const evaluation = end.status === "done" ? tasks.at(-1)?.evaluation : undefined;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    hash: end.hash,
    ...(evaluation && { hits: sum(evaluation.classIncremental) }),
    images: sum(tasks.map(({ images }) => images.test)),
  };
}

/** Accuracy in the end as a share; `undefined` of a run without one. */
export function accuracyOf(record: RunRecord): number | undefined {
  const score = scoreOf(record);
  return score?.hits === undefined ? undefined : score.hits / score.images;
}

function changeOf(baseline: RunRecord, found: RunRecord): { readonly change?: number } {
  const [before, after] = [accuracyOf(baseline), accuracyOf(found)];
  return before === undefined || after === undefined ? {} : { change: after - before };
}
