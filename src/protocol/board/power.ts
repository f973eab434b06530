/**
 * What a benchmark can tell apart: the room between floor and bound beside the noise between seeds, and the differences
 * that so many seeds can find, from the deviations that its records show.
 *
 * @module
 */
import { quantileSorted } from "simple-statistics";
import type { BoardSection, Comparison } from "./board.ts";
import { detectableEffect, pairsFor } from "./statistics/power.ts";

/** Room by how many standard errors makes a section deciding. */
export const DECIDING = 10;

/** A section at one number of tasks. */
export interface Power {
  /** Number of tasks. */
  readonly tasks: number;
  /** Bound − floor, as a share of accuracy; absent without either. */
  readonly room?: number;
  /**
   * Standard error of a method's mean accuracy between seeds: of all methods with several seeds, the root mean square;
   * absent where there is none.
   */
  readonly error?: number;
  /** Whether the room is at least ten standard errors; absent where one of them is. */
  readonly isDeciding?: boolean;
  /** Standard deviations of paired differences between rivals: the median, and nine of ten are below the other. */
  readonly deviations?: { readonly median: number; readonly high: number; readonly pairs: number };
}

/** Room and noise at each number of tasks of a section. */
export function powersOf(section: BoardSection): Power[] {
  return section.tasks.map((tasks) => {
    const entries = section.entries.filter((entry) => entry.tasks === tasks);
    const accuracyOf = (label?: string) =>
      entries.find(({ method }) => method === label)?.figures[section.accuracy]?.mean;
    const [floor, bound] = [accuracyOf(section.floor), accuracyOf(section.bound)];
    const errors = entries.flatMap(({ figures }) => {
      const { deviation, n } = figures[section.accuracy] ?? {};
      return deviation === undefined ? [] : [deviation ** 2 / n!];
    });
    const room = floor === undefined || bound === undefined ? undefined : bound - floor;
    const error = errors.length === 0
      ? undefined
      : Math.sqrt(errors.reduce((sum, value) => sum + value, 0) / errors.length);
    const deviations = deviationsOf(section.comparisons.filter((pair) => pair.tasks === tasks));
    return {
      tasks,
      ...(room !== undefined && { room }),
      ...(error !== undefined && { error }),
      ...(room !== undefined && error !== undefined && { isDeciding: room >= DECIDING * error }),
      ...(deviations && { deviations }),
    };
  });
}

function deviationsOf(pairs: readonly Comparison[]): Power["deviations"] {
  const found = pairs.flatMap(({ difference: { deviation } }) => deviation === undefined ? [] : [deviation])
    .sort((a, b) => a - b);
  if (found.length === 0) return undefined;
  return { median: quantileSorted(found, 0.5), high: quantileSorted(found, 0.9), pairs: found.length };
}

/** The difference that so many paired seeds find four times in five, as a share of accuracy. */
export function detectable(deviation: number, seeds: number): number | undefined {
  const effect = detectableEffect(seeds);
  return effect === undefined ? undefined : effect * deviation;
}

/** Paired seeds that find a difference four times in five; `undefined` if more than ten thousand. */
export function seedsFor(deviation: number, difference: number): number | undefined {
  return deviation === 0 ? 2 : pairsFor(difference / deviation);
}
