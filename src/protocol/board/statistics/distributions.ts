/**
 * The distributions that tests are read from.
 *
 * @module
 */
// @ts-types="./jstat.d.ts"
import jstat from "jstat";

const { studentt, noncentralt, chisquare, tukey } = jstat.jStat;

/** P(T ≤ t) of Student's distribution; `t` may be infinite. */
export function studentBelow(t: number, degrees: number): number {
  return Number.isFinite(t) ? studentt.cdf(t, degrees) : t > 0 ? 1 : 0;
}

/** The t below which Student's distribution has a probability. */
export function studentQuantile(p: number, degrees: number): number {
  return studentt.inv(p, degrees);
}

/** P(T ≤ t) where the numerator is normal about `shift`. */
export function noncentralStudentBelow(t: number, degrees: number, shift: number): number {
  return Math.min(1, Math.max(0, noncentralt.cdf(t, degrees, shift)));
}

/** P(X ≥ value) of the χ² distribution. */
export function chiSquareAbove(value: number, degrees: number): number {
  return Math.min(1, Math.max(0, 1 - chisquare.cdf(value, degrees)));
}

/** The value that the studentised range of some means exceeds with a probability of 5 %, of known variance. */
export function studentisedRange(means: number): number {
  return tukey.inv(0.95, means, Infinity);
}
