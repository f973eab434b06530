/**
 * Exact sums of adapters: Σ_i w_i ΔW_i is again a low-rank product, of the concatenated factors
 * [w_1 g_1 B_1 … w_n g_n B_n] and [A_1; …; A_n], where g is scale · importance. Nothing is approximated, ranks may
 * differ, and the result's rank is the sum of the ranks.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { commonSites, gainOf, mapPairs, rankOf } from "./delta.ts";

/**
 * The adapter of Σ_i weight_i ΔW_i, with scale and importance 1. Weights are 1 if not given.
 *
 * @throws {RangeError} If there is no adapter, one does not fit the others, or the weights are too few or too many
 */
export function concat(
  adapters: readonly Adapter[],
  weights: readonly number[] = adapters.map(() => 1),
): Adapter {
  if (weights.length !== adapters.length) {
    throw new RangeError(
      `Cannot concatenate ${adapters.length} adapters: found ${weights.length} weights, wanted one each`,
    );
  }
  const gains = adapters.map((adapter, i) => gainOf(adapter) * weights[i]!);
  const pairs = commonSites(adapters).map((site) =>
    [site, concatPairs(adapters.map(({ pairs }) => pairs[site]!), gains)] as const
  );
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}

/** The adapter of the mean of the ΔW: not the mean of the factors, whose product is something else. */
export function average(adapters: readonly Adapter[]): Adapter {
  return concat(adapters, adapters.map(() => 1 / adapters.length));
}

function concatPairs(pairs: readonly LoraPair[], gains: readonly number[]): LoraPair {
  const inputs = pairs[0]!.a.shape[1]!;
  const outputs = pairs[0]!.b.shape[0]!;
  const rank = pairs.reduce((total, pair) => total + rankOf(pair), 0);
  const a = hostTensor([rank, inputs]);
  const b = hostTensor([outputs, rank]);
  let first = 0;
  pairs.forEach((pair, index) => {
    const own = rankOf(pair);
    a.data.set(pair.a.data, first * inputs);
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < own; r++) b.data[o * rank + first + r] = pair.b.data[o * own + r]! * gains[index]!;
    }
    first += own;
  });
  return { a, b };
}

/**
 * The mean of factors, (1 - share) of one adapter's and `share` of the other's: A with A, B with B. Its product is not
 * the mean of the products: it has the cross terms.
 *
 * @throws {RangeError} If ranks or gains differ, which leaves nothing to average
 */
export function mixFactors(one: Adapter, other: Adapter, share: number): Adapter {
  commonSites([one, other]);
  if (gainOf(one) !== gainOf(other)) {
    throw new RangeError(
      `Cannot average factors: found gains ${gainOf(one)} and ${gainOf(other)}, wanted one`,
    );
  }
  return mapPairs(one, (pair, site) => {
    const partner = other.pairs[site]!;
    if (rankOf(pair) !== rankOf(partner)) {
      throw new RangeError(
        `Cannot average factors at ${site}: found ranks ${rankOf(pair)} and ${rankOf(partner)}, wanted one`,
      );
    }
    return { a: mix(pair.a, partner.a, share), b: mix(pair.b, partner.b, share) };
  });
}

function mix(one: HostTensor, other: HostTensor, share: number): HostTensor {
  return hostTensor(one.shape, one.data.map((value, i) => value + share * (other.data[i]! - value)));
}
