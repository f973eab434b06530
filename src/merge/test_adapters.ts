/**
 * Small adapters for tests, and how far two adapters are apart as updates. Comparing factors would prove nothing:
 * many factors have one product.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import type { Adapter } from "../nn/adapter.ts";
import { commonSites, composeDelta } from "./delta.ts";

/** [out, in] of the test sites: taller, wider and square. */
const sizes = { "0.q": [7, 5], "0.fc1": [4, 9], "1.v": [6, 6] } as const;

/** An adapter of normal numbers that depend on the label alone. */
export function randomAdapter(
  label: string,
  { rank = 2, scale = 1, importance = 1 }: { rank?: number; scale?: number; importance?: number } = {},
): Adapter {
  const rng = createRng(7, label);
  const normal = (shape: readonly number[]) => {
    const tensor = hostTensor(shape);
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = rng.normal();
    return tensor;
  };
  const pairs = Object.entries(sizes).map(([site, [outputs, inputs]]) =>
    [site, { a: normal([rank, inputs]), b: normal([outputs, rank]) }] as const
  );
  return { scale, importance, pairs: Object.fromEntries(pairs) };
}

/** An adapter with ΔW = 0 although A is not. */
export function zeroAdapter(label: string, rank = 2): Adapter {
  const { pairs, ...rest } = randomAdapter(label, { rank });
  const zeroed = Object.entries(pairs).map(([site, { a, b }]) =>
    [site, { a, b: hostTensor(b.shape) }] as const
  );
  return { ...rest, pairs: Object.fromEntries(zeroed) };
}

/** Σ w_i ΔW_i of one site, by the definition. */
export function weightedDelta(
  adapters: readonly Adapter[],
  weights: readonly number[],
  site: string,
): Float64Array {
  const sum = composeDelta(adapters[0]!, site).fill(0);
  adapters.forEach((adapter, i) =>
    composeDelta(adapter, site).forEach((value, k) => sum[k]! += weights[i]! * value)
  );
  return sum;
}

/** Frobenius norm. */
export function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

/** The largest relative Frobenius distance over sites between an adapter's ΔW and the wanted one. */
export function deltaError(found: Adapter, wanted: (site: string) => ArrayLike<number>): number {
  return Math.max(
    ...commonSites([found]).map((site) => {
      const values = wanted(site);
      const difference = composeDelta(found, site).map((value, i) => value - values[i]!);
      return norm(difference) / Math.max(norm(values), 1e-30);
    }),
  );
}
