/**
 * Turning a merged adapter, of whatever rank and scale, into one that can be trained further.
 *
 * @module
 */
import { hostTensor } from "../core/tensors.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { commonSites, mapPairs, rankOf } from "./delta.ts";
import { truncate } from "./factorise.ts";
import { absorbGain } from "./scale.ts";

/**
 * An adapter in the shape of a fresh one: at its rank, with its scale and importance 1. A larger rank is cut by
 * truncated SVD. A smaller one is filled up with A of the fresh adapter and a zero B, which keeps ΔW and, unlike zeros
 * in both, lets the new components train.
 */
export function resize(adapter: Adapter, fresh: Adapter): Adapter {
  commonSites([adapter, fresh]);
  return mapPairs(absorbGain(adapter, fresh.scale), (pair, site) => {
    const wanted = rankOf(fresh.pairs[site]!);
    return rankOf(pair) > wanted ? truncate(pair, wanted) : fillUp(pair, fresh.pairs[site]!);
  });
}

function fillUp(pair: LoraPair, fresh: LoraPair): LoraPair {
  const own = rankOf(pair);
  const rank = rankOf(fresh);
  const a = hostTensor(fresh.a.shape, fresh.a.data.slice());
  a.data.set(pair.a.data);
  const b = hostTensor(fresh.b.shape);
  pair.b.data.forEach((value, i) => b.data[Math.floor(i / own) * rank + i % own] = value);
  return { a, b };
}
