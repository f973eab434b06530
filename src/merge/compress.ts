/**
 * Bounding the rank of an adapter, so that what is kept does not grow with the number of tasks.
 *
 * @module
 */
import { hostTensor } from "../core/tensors.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { mapPairs, product, rankOf } from "./delta.ts";
import { exact, truncate } from "./factorise.ts";

/**
 * The adapter of rank at most `rank` whose B A is nearest to the given one in Frobenius norm, site by site.
 * Nothing is lost where the rank suffices: a pair within the rank is returned as it is, and no ΔW [out, in] needs
 * more rank than its smaller side.
 *
 * @param rank `null` only cuts ranks beyond the smaller side, which is exact
 * @throws {RangeError} If the rank is not a positive integer or a factor is not finite
 */
export function compress(adapter: Adapter, rank: number | null): Adapter {
  if (rank !== null && (!Number.isInteger(rank) || rank < 1)) {
    throw new RangeError(`Cannot compress adapter: found rank ${rank}, wanted a positive integer`);
  }
  return mapPairs(adapter, (pair) => {
    const full = fullRank(pair);
    if (rankOf(pair) <= Math.min(full, rank ?? full)) return pair;
    return rank === null || rank >= full ? whole(pair) : truncate(pair, rank);
  });
}

function fullRank({ a, b }: LoraPair): number {
  return Math.min(b.shape[0]!, a.shape[1]!);
}

/** B A itself as one factor: cheaper than an SVD that would drop nothing. */
function whole(pair: LoraPair): LoraPair {
  const shape = [pair.b.shape[0]!, pair.a.shape[1]!];
  return exact(hostTensor(shape, Float32Array.from(product(pair))));
}
