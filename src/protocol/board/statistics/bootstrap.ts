/**
 * Percentile intervals of a mean by resampling (Efron, 1979). Of few values, all resamples are weighed by how often they
 * come, so nothing is left to chance; of more, the draws are seeded and shared by all samples of one size.
 *
 * An interval of three values is their range, and one of four or five is hardly better: it covers the true mean less often
 * than it says. It is shown for what it is, with n beside it.
 *
 * @module
 */
import { quickselect } from "simple-statistics";
import { createRng } from "../../../core/rng.ts";

/** 95 % interval of the mean of some values; `undefined` below three. */
export type Bootstrap = (values: readonly number[]) => readonly [low: number, high: number] | undefined;

const DRAWS = 4000;
const TAIL = 0.025;
/** Up to here all resamples are gone through: 462 that differ, of six values. */
const EXACT = 6;

/** Makes intervals. What is shared between samples of one size is computed once. */
export function createBootstrap(): Bootstrap {
  const weighed = new Map<number, Resamples>();
  const drawn = new Map<number, Uint16Array>();
  return (values) => {
    const n = values.length;
    if (n < 3) return undefined;
    if (values.every((value) => value === values[0])) return [values[0]!, values[0]!];
    return n <= EXACT
      ? exactInterval(values, remember(weighed, n, allResamples))
      : drawnInterval(values, remember(drawn, n, drawIndices));
  };
}

function remember<T>(known: Map<number, T>, n: number, make: (n: number) => T): T {
  const value = known.get(n) ?? make(n);
  known.set(n, value);
  return value;
}

/** How often each value is in a resample, and the share of resamples that are so. */
interface Resamples {
  readonly counts: readonly (readonly number[])[];
  readonly weights: readonly number[];
}

/** All ways to draw n of n with replacement, whatever the order. */
function allResamples(n: number): Resamples {
  const counts = compositions(n, n);
  const factorial = (k: number): number => k < 2 ? 1 : k * factorial(k - 1);
  const weights = counts.map((row) =>
    factorial(n) / row.reduce((product, count) => product * factorial(count), 1) / n ** n
  );
  return { counts, weights };
}

/** All rows of `parts` counts that add up to a total. */
function compositions(total: number, parts: number): number[][] {
  if (parts === 1) return [[total]];
  return Array.from({ length: total + 1 }, (_, first) => first).flatMap((first) =>
    compositions(total - first, parts - 1).map((rest) => [first, ...rest])
  );
}

function exactInterval(values: readonly number[], { counts, weights }: Resamples): [number, number] {
  const n = values.length;
  const means = counts.map((row, i) => ({
    mean: row.reduce((sum, count, j) => sum + count * values[j]!, 0) / n,
    weight: weights[i]!,
  })).sort((a, b) => a.mean - b.mean);
  const quantile = (share: number) => {
    let below = 0;
    for (const { mean, weight } of means) {
      below += weight;
      if (below >= share - 1e-12) return mean;
    }
    return means.at(-1)!.mean;
  };
  return [quantile(TAIL), quantile(1 - TAIL)];
}

function drawIndices(n: number): Uint16Array {
  const rng = createRng(0, `bootstrap ${n}`);
  return Uint16Array.from({ length: DRAWS * n }, () => rng.integer(n));
}

function drawnInterval(values: readonly number[], indices: Uint16Array): [number, number] {
  const n = values.length;
  const sample = Float64Array.from(values);
  const means = new Array<number>(DRAWS);
  for (let draw = 0, place = 0; draw < DRAWS; draw++) {
    let sum = 0;
    for (const end = place + n; place < end; place++) sum += sample[indices[place]!]!;
    means[draw] = sum / n;
  }
  const nth = (share: number) => {
    const k = Math.ceil(share * DRAWS - 1e-9) - 1;
    quickselect(means, k);
    return means[k]!;
  };
  return [nth(TAIL), nth(1 - TAIL)];
}
