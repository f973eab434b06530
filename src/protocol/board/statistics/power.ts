/**
 * What a number of paired seeds can find: the power of the paired t test, two-sided at 5 %, by the noncentral t
 * distribution (Cohen, 1988). The board's own test goes by signs and takes six pairs to reach 5 % at all; with fewer,
 * what is said here is what a test that believes in normal differences could find.
 *
 * @module
 */
import { noncentralStudentBelow, studentQuantile } from "./distributions.ts";

const LEVEL = 0.05;
/** The usual share of real differences that should be found. */
export const POWER = 0.8;
/** More seeds than anybody runs. */
const MOST_SEEDS = 10_000;

/**
 * Probability that n pairs show a mean difference.
 *
 * @param pairs At least 2
 * @param effect Mean difference in standard deviations of the differences, not negative
 */
export function powerOf(pairs: number, effect: number): number {
  const degrees = pairs - 1;
  const critical = studentQuantile(1 - LEVEL / 2, degrees);
  const shift = effect * Math.sqrt(pairs);
  const above = 1 - noncentralStudentBelow(critical, degrees, shift);
  return above + noncentralStudentBelow(-critical, degrees, shift);
}

/** The smallest effect that n pairs find with a probability of `POWER`; `undefined` below two pairs. */
export function detectableEffect(pairs: number): number | undefined {
  if (pairs < 2) return undefined;
  let low = 0;
  let high = 1;
  while (powerOf(pairs, high) < POWER) high *= 2;
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (powerOf(pairs, middle) < POWER) low = middle;
    else high = middle;
  }
  return high;
}

/** The fewest pairs that find an effect with a probability of `POWER`; `undefined` if more than ten thousand. */
export function pairsFor(effect: number): number | undefined {
  if (!(effect > 0)) return undefined;
  let low = 1;
  let high = 2;
  while (powerOf(high, effect) < POWER) {
    low = high;
    high *= 2;
    if (high > MOST_SEEDS) return undefined;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (powerOf(middle, effect) < POWER) low = middle;
    else high = middle;
  }
  return high;
}
