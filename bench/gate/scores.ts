/**
 * Scores against their intervals: the mean over seeds of a method at a number of tasks has to lie in the baseline's
 * 95 % bootstrap interval. Cells may each be within bounds and yet all move one way.
 *
 * @module
 */
import { mean } from "simple-statistics";
import { cellName, createBoard, type RunRecord } from "../../src/protocol/mod.ts";
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
 * The scores of the baseline's leaderboard that have an interval, which takes three seeds, where the run has every one
 * of those seeds. A score whose cells are all equal is where it was, and is left out.
 */
export function compareScores(
  baseline: readonly RunRecord[],
  found: readonly RunRecord[],
  cells: readonly CellResult[],
): ScoreResult[] {
  const here = new Map(found.map((record) => [cellName(record.start.cell), record]));
  const status = new Map(cells.map(({ cell, status }) => [cell, status]));
  const { sections } = createBoard(
    baseline.map((record) => ({ path: cellName(record.start.cell), record })),
    { protagonist: "" },
  );
  return sections.flatMap(({ entries, fixed }) =>
    entries.flatMap(({ method, tasks, figures, runs }) => {
      const { mean: before, interval } = figures.pooled ?? {};
      const after = runs.map((name) => here.get(name)).map((record) => record && accuracyOf(record))
        .filter((value) => value !== undefined);
      if (before === undefined || !interval || after.length < runs.length) return [];
      if (runs.every((name) => status.get(name) === "equal")) return [];
      const score = mean(after);
      return [{
        label: `${method} T=${tasks} (${fixed.backend})`,
        n: runs.length,
        baseline: before,
        interval,
        found: score,
        ok: (interval[0] <= score && score <= interval[1]) ||
          runs.every((name) => ["equal", "accepted"].includes(status.get(name)!)),
      }];
    })
  );
}
