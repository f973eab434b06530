/**
 * What the adapters of a merge have in common: the update ΔW = scale · importance · B A of a site. Merges are
 * defined on ΔW, because its factors are not unique: (B C)(C⁻¹ A) is the same update for every invertible C.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import { type Adapter, type LoraPair, orderSites } from "../nn/adapter.ts";
import { compareSites } from "../nn/sites.ts";

/** The factor between B A and ΔW. */
export function gainOf(adapter: Adapter): number {
  return adapter.scale * adapter.importance;
}

/** The rank of a pair, which is the number of columns of B. */
export function rankOf({ a }: LoraPair): number {
  return a.shape[0]!;
}

/** Multiplies values, rounding once. */
export function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  return factor === 1 ? { shape, data } : hostTensor(shape, data.map((value) => value * factor));
}

/** The product B A of a pair in float64, row-major [out, in]. */
export function product({ a, b }: LoraPair): Float64Array {
  const [rank, inputs] = a.shape as [number, number];
  const outputs = b.shape[0]!;
  const values = new Float64Array(outputs * inputs);
  for (let o = 0; o < outputs; o++) {
    for (let r = 0; r < rank; r++) {
      const factor = b.data[o * rank + r]!;
      if (factor === 0) continue;
      for (let i = 0; i < inputs; i++) values[o * inputs + i]! += factor * a.data[r * inputs + i]!;
    }
  }
  return values;
}

/** ΔW of one site in float64, row-major [out, in]: what is added to the frozen weight. */
export function composeDelta(adapter: Adapter, site: string): Float64Array {
  const pair = adapter.pairs[site];
  if (!pair) throw new RangeError(`Cannot compose ΔW of ${site}: found sites ${Object.keys(adapter.pairs)}`);
  const gain = gainOf(adapter);
  return product(pair).map((value) => value * gain);
}

/** Applies a function to every pair, in the order of the model. */
export function mapPairs(adapter: Adapter, change: (pair: LoraPair, site: string) => LoraPair): Adapter {
  const ordered = Object.entries(orderSites(adapter).pairs);
  const pairs = ordered.map(([site, pair]) => [site, change(pair, site)] as const);
  return { ...adapter, pairs: Object.fromEntries(pairs) };
}

/**
 * Checks that adapters adapt the same sites of the same sizes; ranks may differ.
 *
 * @returns The names of the sites, in the order of the first adapter
 * @throws {RangeError} If there is no adapter or they do not fit together
 */
export function commonSites(adapters: readonly Adapter[]): string[] {
  const [first] = adapters;
  if (!first) throw new RangeError("Cannot merge adapters: found none, wanted at least one");
  // An order of their own, so that sums over sites do not depend on how an adapter was stored.
  const sites = Object.keys(first.pairs).sort(compareSites);
  for (const adapter of adapters) {
    const found = Object.keys(adapter.pairs);
    if (found.length !== sites.length || !sites.every((site) => site in adapter.pairs)) {
      throw new RangeError(`Cannot merge adapters: found sites ${found}, wanted ${sites}`);
    }
    for (const site of sites) {
      const [one, other] = [first.pairs[site]!, adapter.pairs[site]!];
      if (one.a.shape[1] !== other.a.shape[1] || one.b.shape[0] !== other.b.shape[0]) {
        throw new RangeError(
          `Cannot merge adapters: ${site} is [${other.b.shape[0]},${other.a.shape[1]}], ` +
            `wanted [${one.b.shape[0]},${one.a.shape[1]}]`,
        );
      }
    }
  }
  return sites;
}
