/**
 * Friedman's ranks (1937) with Nemenyi's critical difference, as Demšar (JMLR 2006) brought them to the comparison of
 * classifiers: each block ranks all methods, and two whose mean ranks are far enough apart differ.
 *
 * @module
 */
import { chiSquareAbove, studentisedRange } from "./distributions.ts";

/** What the test gives. */
export interface Friedman {
  /** Mean rank of each column; 1 is the highest value. */
  readonly ranks: readonly number[];
  /** By χ², corrected for ties. */
  readonly p: number;
  /** Mean ranks nearer than this are not told apart at 5 %. */
  readonly criticalDifference: number;
}

/** Ranks from the highest value down; equal values share the mean of their ranks. */
export function ranksOf(values: readonly number[]): { readonly ranks: number[]; readonly ties: number } {
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const ranks = new Array<number>(values.length);
  let ties = 0;
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2;
    ties += (end - start) ** 3 - (end - start);
  }
  return { ranks, ties };
}

/**
 * The test.
 *
 * @param blocks Values of two methods or more in each block
 */
export function friedman(blocks: readonly (readonly number[])[]): Friedman {
  const [n, k] = [blocks.length, blocks[0]!.length];
  const sums = new Array<number>(k).fill(0);
  let tied = 0;
  for (const block of blocks) {
    const { ranks, ties } = ranksOf(block);
    ranks.forEach((rank, i) => sums[i]! += rank);
    tied += ties;
  }
  const squares = sums.reduce((total, value) => total + value ** 2, 0);
  const correction = 1 - tied / (n * k * (k * k - 1));
  const statistic = (12 / (n * k * (k + 1)) * squares - 3 * n * (k + 1)) / correction;
  return {
    ranks: sums.map((value) => value / n),
    p: correction === 0 ? 1 : chiSquareAbove(statistic, k - 1),
    criticalDifference: studentisedRange(k) / Math.SQRT2 * Math.sqrt(k * (k + 1) / (6 * n)),
  };
}
