/**
 * Adapters inside a method's state: the same numbers as plain serialisable values.
 *
 * @module
 */
import { hostTensor } from "../core/tensors.ts";
import { type Adapter } from "../nn/adapter.ts";
import { loraTargets } from "../nn/sites.ts";

/** An adapter as a state value. */
export type AdapterState = {
  readonly scale: number;
  readonly importance: number;
  readonly pairs: {
    readonly [site: string]: { readonly rank: number; readonly a: Float32Array; readonly b: Float32Array };
  };
};

/** Writes an adapter as a state value; the arrays are shared, not copied. */
export function packAdapter({ scale, importance, pairs }: Adapter): AdapterState {
  const packed = Object.entries(pairs).map(([site, { a, b }]) =>
    [site, { rank: a.shape[0]!, a: a.data, b: b.data }] as const
  );
  return { scale, importance, pairs: Object.fromEntries(packed) };
}

/** Reads it back. Sites return in the order of `loraSites`, which a state's sorted keys do not keep. */
export function unpackAdapter({ scale, importance, pairs }: AdapterState): Adapter {
  const unpacked = Object.entries(pairs).sort(([x], [y]) => sitePosition(x) - sitePosition(y)).map(
    ([site, { rank, a, b }]) => {
      const pair = { a: hostTensor([rank, a.length / rank], a), b: hostTensor([b.length / rank, rank], b) };
      return [site, pair] as const;
    },
  );
  return { scale, importance, pairs: Object.fromEntries(unpacked) };
}

function sitePosition(site: string): number {
  const [block, target] = site.split(".");
  return Number(block) * loraTargets.length + loraTargets.findIndex((name) => name === target);
}
