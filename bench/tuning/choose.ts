/**
 * Which trial of a search is best: by mean accuracy in the end over all streams of the search. A trial that failed
 * on one of them is out, and a tie goes to the earlier trial, so to the defaults before all.
 *
 * @module
 */
import { pooledAccuracy, type RunRecord } from "../../src/protocol/mod.ts";
import type { Choice } from "./trials.ts";

/** A trial and what came of it. */
export interface TrialResult {
  /** What was tried. */
  readonly choice: Choice;
  /** Mean accuracy over the streams, 0 to 1; absent if a run failed. */
  readonly score?: number;
  /** Hashes of its records, in order of the streams. */
  readonly records: readonly string[];
}

/** Accuracy over all test images in the end; `undefined` of a run that failed. */
export function accuracyOf({ tasks, end }: RunRecord): number | undefined {
  if (end?.status !== "done") return undefined;
  return pooledAccuracy({
    hits: tasks.map(({ evaluation }) => evaluation?.classIncremental),
    images: tasks.map(({ images }) => images.test),
  });
}

/** The result of a trial from its finished records. */
export function resultOf(choice: Choice, records: readonly RunRecord[]): TrialResult {
  const accuracies = records.map(accuracyOf);
  const isWhole = accuracies.length > 0 && accuracies.every((value) => value !== undefined);
  const sum = accuracies.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    choice,
    ...(isWhole && { score: sum / accuracies.length }),
    records: records.flatMap(({ end }) => end ? [end.hash] : []),
  };
}

/** The best trial; `undefined` if all failed. */
export function bestOf(results: readonly TrialResult[]): TrialResult | undefined {
  return results.reduce<TrialResult | undefined>(
    (best, result) =>
      result.score !== undefined && (best?.score === undefined || result.score > best.score) ? result : best,
    undefined,
  );
}
