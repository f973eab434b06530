/**
 * Means of adapters factor by factor, entry by entry: θ = (A, B). The product of averaged factors is not the average of
 * the products, so these are for adapters that share a start and stay near one another.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { factorsOf } from "../pieces/tensors.ts";

/** One number for every entry of an adapter's factors, by the names of its tensors. A state value. */
export type Entries = { readonly [name: string]: Float64Array };

/** Named tensors as entries. */
export function asEntries(tensors: NamedTensors): Entries {
  return mapEntries(tensors, ({ data }) => Float64Array.from(data));
}

/** The entries of an adapter's factors. */
export function entriesOf(adapter: Adapter): Entries {
  return asEntries(factorsOf(adapter));
}

/** An adapter of such entries, shaped like another. */
export function adapterOfEntries(entries: Entries, like: Adapter): Adapter {
  const tensors = Object.entries(factorsOf(like)).map(([name, { shape }]) =>
    [name, hostTensor(shape, Float32Array.from(entries[name]!))] as const
  );
  return adapterFromTensors(Object.fromEntries(tensors), like.scale);
}

/**
 * Weights of entries from a Fisher information: the information itself, plus a share of its mean, so that entries which
 * nobody needs still have a mean.
 */
export function weightsOf(fisher: NamedTensors, floor: number): Entries {
  const all = Object.values(fisher);
  const count = all.reduce((total, { data }) => total + data.length, 0);
  const sum = all.reduce((total, { data }) => total + data.reduce((part, value) => part + value, 0), 0);
  // Even a task that no entry matters to counts.
  const least = Math.max(floor * sum / count, Number.MIN_VALUE * 2 ** 60);
  return mapEntries(fisher, ({ data }) => Float64Array.from(data, (value) => value + least));
}

/** Applies a function to entries that stand in the same place. */
export function combine(
  entries: readonly Entries[],
  combineNumbers: (...values: readonly number[]) => number,
): Entries {
  return mapEntries(
    entries[0]!,
    (data, name) => data.map((_, i) => combineNumbers(...entries.map((other) => other[name]![i]!))),
  );
}

function mapEntries<From>(
  from: Readonly<Record<string, From>>,
  change: (value: From, name: string) => Float64Array,
): Entries {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, change(value, name)]));
}
