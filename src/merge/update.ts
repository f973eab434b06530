/**
 * Updates as what they are: the entries of ΔW, site by site. Merges that look at entries need them whole, and on the
 * host they are exact: float64 in, one rounding out.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { Adapter } from "../nn/adapter.ts";
import { commonSites, composeDelta } from "./delta.ts";
import { exact, factorise } from "./factorise.ts";

/** Entries of ΔW at one site, row-major [out, in]. */
export type Entries = { readonly shape: readonly number[]; readonly data: Float64Array };

/** An update by site. */
export type Update = Readonly<Record<string, Entries>>;

/** The update of an adapter. */
export function updateOf(adapter: Adapter): Update {
  return Object.fromEntries(
    commonSites([adapter]).map((site) => {
      const { a, b } = adapter.pairs[site]!;
      return [site, { shape: [b.shape[0]!, a.shape[1]!], data: composeDelta(adapter, site) }] as const;
    }),
  );
}

/**
 * The adapter of an update, with scale and importance 1.
 *
 * @param rank Of the best fit; `null` keeps the update as it is, each entry rounded once
 * @throws {RangeError} If an entry is not finite
 */
export function adapterOf(update: Update, rank: number | null): Adapter {
  const pairs = Object.entries(update).map(([site, { shape, data }]) => {
    const [outputs, inputs] = shape as [number, number];
    const pair = rank === null || rank >= Math.min(outputs, inputs)
      ? exact(hostTensor(shape, Float32Array.from(data)))
      : factorise(data, outputs, inputs, rank);
    return [site, pair] as const;
  });
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** An update whose entries are rounded once: what states keep. */
export function roundUpdate(update: Update): NamedTensors {
  return Object.fromEntries(
    Object.entries(update).map(([site, { shape, data }]) =>
      [site, hostTensor(shape, Float32Array.from(data))] as const
    ),
  );
}

/** What a state kept, as an update. */
export function widenUpdate(tensors: NamedTensors): Update {
  return Object.fromEntries(
    Object.entries(tensors).map(([site, { shape, data }]) =>
      [site, { shape, data: Float64Array.from(data) }] as const
    ),
  );
}

/** An update rewritten site by site. */
export function mapUpdate(
  update: Update,
  change: (entries: Float64Array, site: string, shape: readonly number[]) => Float64Array,
): Update {
  return Object.fromEntries(
    Object.entries(update).map(([site, { shape, data }]) =>
      [site, { shape, data: change(data, site, shape) }] as const
    ),
  );
}

/** One update of several, made of their entries at each site. */
export function mergeUpdates(
  updates: readonly Update[],
  merge: (entries: readonly Float64Array[]) => Float64Array,
): Update {
  return mapUpdate(updates[0]!, (_, site) => merge(updates.map((update) => update[site]!.data)));
}
