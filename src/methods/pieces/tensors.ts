/**
 * Tensors that methods start from: noise, and the factors of adapters under prefixes, so that several can train or
 * stand fixed in one graph.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, div, mul, sqrt, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterToTensors, IMPORTANCE } from "../../nn/adapter.ts";
import { branchFromTensors, type LoraBranch } from "../../nn/lora.ts";
import type { Named } from "../../train/table.ts";
import type { Kit } from "../method.ts";

/** Normal numbers, the same for the same purpose. */
export function noise(
  kit: Pick<Kit, "rng">,
  shape: readonly number[],
  purpose: string,
  deviation = 0.02,
): HostTensor {
  const rng = kit.rng(purpose);
  const tensor = hostTensor(shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = deviation * rng.normal();
  return tensor;
}

/** Names with a prefix before each. */
export function prefixed<Value>(
  values: Readonly<Record<string, Value>>,
  prefix: string,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]));
}

/** Those whose names begin with a prefix, without it. */
export function unprefixed<Value>(
  values: Readonly<Record<string, Value>>,
  prefix: string,
): Readonly<Record<string, Value>> {
  const own = Object.entries(values).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** The factors of an adapter without its importance. */
export function factorsOf(adapter: Adapter): NamedTensors {
  const { [IMPORTANCE]: _, ...factors } = adapterToTensors(adapter);
  return factors;
}

/** The branch whose factors stand under a prefix. */
export function branchOf(tensors: Named, kit: Pick<Kit, "lora">, prefix = ""): LoraBranch {
  return branchFromTensors(unprefixed(tensors, prefix), kit.lora.scale);
}

/** Rows of length 1. The small term keeps a zero row, and its gradient, finite. */
export function unit(x: Tensor): Tensor {
  return div(x, sqrt(add(sum(mul(x, x), { axes: [-1], keepDims: true }), 1e-12)));
}
