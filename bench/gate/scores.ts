/**
 * Scores against their intervals: the mean over seeds of a method at a number of tasks has to lie in the baseline's
 * 95 % bootstrap interval. Cells may each be within bounds and yet all move one way.
 *
 * @module
 */
import { mean } from "simple-statistics";
import { hashJson, type JsonObject } from "../../src/core/mod.ts";
import { cellName, createBootstrap, type RunRecord } from "../../src/protocol/mod.ts";
import { accuracyOf, type CellResult } from "./compare.ts";

/** A method at a number of tasks. */
export interface ScoreResult {
  /** For people. */
  readonly label: string;
  /** Seeds. */
  readonly n: number;
  /** The baseline's mean over them, as a share. */
  readonly baseline: number;
  /** 95 % bootstrap interval of the baseline's mean. */
  readonly interval: readonly [low: number, high: number];
  /** The run's mean over them, as a share. */
  readonly found: number;
  /** Whether it is in the interval, or all seeds that changed did so for a reason on record. */
  readonly ok: boolean;
}

/**
 * The scores that have an interval, which takes three seeds in the baseline, and every one of those seeds in the run.
 * Equal cells are not asked: a score that did not change is where it was.
 */
export function compareScores(
  baseline: readonly RunRecord[],
  found: readonly RunRecord[],
  cells: readonly CellResult[],
): ScoreResult[] {
  const here = new Map(found.map((record) => [cellName(record.start.cell), record]));
  const bootstrap = createBootstrap();
  const status = new Map(cells.map(({ cell, status }) => [cell, status]));
  return [...Map.groupBy(baseline, groupOf).values()].flatMap((records) => {
    const names = records.map(({ start }) => cellName(start.cell));
    const before = numbers(records.map(accuracyOf));
    const after = numbers(names.map((name) => here.get(name)).map((record) => record && accuracyOf(record)));
    const interval = bootstrap(before);
    if (!interval || before.length < records.length || after.length < records.length) return [];
    if (names.every((name) => status.get(name) === "equal")) return [];
    const [{ start: { cell } }] = records as [RunRecord];
    const score = mean(after);
    return [{
      label: `${cell.method} T=${cell.tasks} (${cell.backend})`,
      n: records.length,
      baseline: mean(before),
      interval,
      found: score,
      ok: (interval[0] <= score && score <= interval[1]) ||
        names.every((name) => ["equal", "accepted"].includes(status.get(name)!)),
    }];
  });
}

function numbers(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

/** Cells that differ in seeds alone. */
function groupOf({ start: { cell } }: RunRecord): string {
  const { orderSeed: _, trainSeed: __, streamHash: ___, ...fixed } = cell;
  return hashJson(fixed as unknown as JsonObject);
}
