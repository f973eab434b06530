/**
 * Rules that look at single entries of updates, in float64 on the host: what is dropped of an update, and what becomes
 * of the entries that several updates have in one place. Device programs for TIES and DARE are in `merger.ts`; in
 * float32 a sign that is elected by a hair may turn out otherwise there.
 *
 * @module
 */
import { hash32, hashToUnit } from "../core/rng.ts";
import { keptCount } from "./programs.ts";
import { mapUpdate, type Update } from "./update.ts";

/** Magnitudes in ascending order. */
function magnitudes(entries: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(entries.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const values of entries) {
    for (const value of values) all[at++] = Math.abs(value);
  }
  return all.sort();
}

/** Zeroes what is smaller than `least` or larger than `most` in magnitude. */
function within(entries: Float64Array, least: number, most = Infinity): Float64Array {
  return entries.map((value) => Math.abs(value) >= least && Math.abs(value) <= most ? value : 0);
}

/**
 * Keeps the fraction `keep` of the entries by magnitude: at least one, more where magnitudes tie.
 *
 * @param over Whether entries are ranked within their site or over all sites together
 */
export function trim(update: Update, keep: number, over: "site" | "model"): Update {
  const leastOf = (entries: readonly Float64Array[]) => {
    const sorted = magnitudes(entries);
    return sorted[sorted.length - keptCount(sorted.length, keep)]!;
  };
  if (over === "site") return mapUpdate(update, (entries) => within(entries, leastOf([entries])));
  const least = leastOf(Object.values(update).map(({ data }) => data));
  return mapUpdate(update, (entries) => within(entries, least));
}

/**
 * Zeroes the fraction `low` of the smallest entries and the fraction `high` of the largest. What ties with the edges of
 * the band is kept, and at least one entry is.
 */
export function keepBand(entries: Float64Array, low: number, high: number): Float64Array {
  const sorted = magnitudes([entries]);
  const largest = Math.min(Math.round(high * sorted.length), sorted.length - 1);
  const smallest = Math.min(Math.round(low * sorted.length), sorted.length - 1 - largest);
  return within(entries, sorted[smallest]!, sorted[sorted.length - 1 - largest]!);
}

/** Drops entries at random and rescales the rest by 1 / (1 - rate), so that the mean over seeds is the update. */
export function dropRescale(entries: Float64Array, rate: number, seed: number): Float64Array {
  return entries.map((value, i) => hashToUnit(hash32(seed, i)) >= rate ? value / (1 - rate) : 0);
}

/**
 * The same with a rate for each entry, from `rate` - `spread` / 2 for the largest of its row to `rate` + `spread` / 2
 * for the smallest, linear in the rank between.
 */
export function dropByRank(
  entries: Float64Array,
  inputs: number,
  { rate, spread, seed }: { readonly rate: number; readonly spread: number; readonly seed: number },
): Float64Array {
  const result = new Float64Array(entries.length);
  for (let first = 0; first < entries.length; first += inputs) {
    const order = Array.from({ length: inputs }, (_, i) => first + i)
      .sort((i, j) => Math.abs(entries[j]!) - Math.abs(entries[i]!));
    order.forEach((i, rank) => {
      const own = inputs === 1 ? rate : rate + spread * (rank / (inputs - 1) - 0.5);
      if (hashToUnit(hash32(seed, i)) >= own) result[i] = entries[i]! / (1 - own);
    });
  }
  return result;
}

/** What an election leaves of the entries in one place: those whose sign is that of their sum. */
function elect(
  stack: readonly Float64Array[],
  combine: (agreeing: readonly number[]) => number,
): Float64Array {
  return stack[0]!.map((_, k) => {
    let sum = 0;
    for (const entries of stack) sum += entries[k]!;
    const agreeing: number[] = [];
    for (const entries of stack) {
      if (entries[k]! * sum > 0) agreeing.push(entries[k]!);
    }
    return agreeing.length === 0 ? 0 : combine(agreeing);
  });
}

/** TIES: of the entries in one place, the mean of those that have the sign of the sum; zeros have no vote. */
export function electedMean(stack: readonly Float64Array[]): Float64Array {
  return elect(stack, (agreeing) => agreeing.reduce((x, y) => x + y) / agreeing.length);
}

/** EMR: the largest of those that have the sign of the sum. */
export function electedLargest(stack: readonly Float64Array[]): Float64Array {
  return elect(stack, (agreeing) => agreeing.reduce((x, y) => Math.abs(y) > Math.abs(x) ? y : x));
}

/** MagMax: the larger entry in each place, the later one where magnitudes tie. */
export function larger(earlier: Float64Array, later: Float64Array): Float64Array {
  return later.map((value, k) => Math.abs(value) >= Math.abs(earlier[k]!) ? value : earlier[k]!);
}

/** Σ w_i of the entries in each place. */
export function weightedSum(stack: readonly Float64Array[], weights: readonly number[]): Float64Array {
  return stack[0]!.map((_, k) => stack.reduce((total, entries, i) => total + weights[i]! * entries[k]!, 0));
}
