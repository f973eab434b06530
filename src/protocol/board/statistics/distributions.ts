/**
 * The distributions that tests are read from.
 *
 * @module
 */
// @ts-types="./jstat.d.ts"
import jstat from "jstat";

const { studentt, chisquare, tukey } = jstat.jStat;

/** P(T ≤ t) of Student's distribution; `t` may be infinite. */
export function studentBelow(t: number, degrees: number): number {
  return Number.isFinite(t) ? studentt.cdf(t, degrees) : t > 0 ? 1 : 0;
}

/** P(X ≥ value) of the χ² distribution. */
export function chiSquareAbove(value: number, degrees: number): number {
  return Math.min(1, Math.max(0, 1 - chisquare.cdf(value, degrees)));
}

/** The value that the studentised range of some means exceeds with a probability of 5 %, of known variance. */
export function studentisedRange(means: number): number {
  return tukey.inv(0.95, means, Infinity);
}
