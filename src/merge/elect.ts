/**
 * TIES (Yadav et al., arXiv 2306.01708) and DARE (Yu et al., arXiv 2311.03099) on matrices in float64 on the host, for
 * merges that apply them in other coordinates than those of ΔW. The rules are those of `Merger.ties` and `Merger.dare`.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import type { Rng } from "../core/rng.ts";
import { keptCount } from "./programs.ts";

/** Matrices of several updates: for each update, one a site. */
export type Representations = readonly (readonly Matrix[])[];

/** Whether entries are ranked within a site or over the whole update. */
export type TrimScope = "site" | "model";

/** Entries below this share of the largest are rounding: a zero that came out of a decomposition. */
const ROUNDING = 1e-12;

/** Representations of one site in which rounding is zero, so that it has no say in the election of signs. */
export function dropRounding(updates: readonly Matrix[]): Matrix[] {
  const largest = Math.max(...updates.map((update) => update.rows * update.columns > 0 ? extent(update) : 0));
  return updates.map((update) =>
    update.clone().apply(function (this: Matrix, i, j) {
      if (Math.abs(this.get(i, j)) < ROUNDING * largest) this.set(i, j, 0);
    })
  );
}

function extent(matrix: Matrix): number {
  return Math.max(matrix.max(), -matrix.min());
}

/** The smallest magnitude that is kept if `round(keep · entries)` entries are, at least one. */
function threshold(matrices: readonly Matrix[], keep: number): number {
  const magnitudes = Float64Array.from(matrices.flatMap((matrix) => matrix.to1DArray()), Math.abs).sort();
  if (magnitudes.length === 0) return 0;
  return magnitudes[magnitudes.length - keptCount(magnitudes.length, keep)]!;
}

/** Keeps the largest entries of every update and zeroes the rest; entries that tie with the last are kept too. */
export function trim(updates: Representations, keep: number, scope: TrimScope): Matrix[][] {
  return updates.map((sites) => {
    const whole = scope === "model" ? threshold(sites, keep) : undefined;
    return sites.map((site) => {
      const least = whole ?? threshold([site], keep);
      return site.clone().apply(function (this: Matrix, i, j) {
        if (Math.abs(this.get(i, j)) < least) this.set(i, j, 0);
      });
    });
  });
}

/** The sign of each entry's sum, and the mean of those that have it; 0 where the sum is 0. */
export function elect(updates: readonly Matrix[]): Matrix {
  const [first] = updates;
  return Matrix.zeros(first!.rows, first!.columns).apply(function (this: Matrix, i, j) {
    const values = updates.map((update) => update.get(i, j));
    const sign = Math.sign(values.reduce((total, value) => total + value, 0));
    const agreeing = values.filter((value) => Math.sign(value) === sign);
    if (sign !== 0) this.set(i, j, agreeing.reduce((total, value) => total + value, 0) / agreeing.length);
  });
}

/** Drops entries with a probability and divides the others by what is left of it. */
export function dropEntries(update: Matrix, rate: number, rng: Rng): Matrix {
  return update.clone().apply(function (this: Matrix, i, j) {
    this.set(i, j, rng.uniform() < rate ? 0 : this.get(i, j) / (1 - rate));
  });
}
