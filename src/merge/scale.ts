/**
 * Rewriting one adapter: the same ΔW with other factors, or a multiple of it.
 *
 * @module
 */
import { type Adapter, type LoraPair } from "../nn/adapter.ts";
import { gainOf, mapPairs, rankOf, scaled } from "./delta.ts";

/** The adapter of factor · ΔW. The factors stay as they are; the importance carries the factor. */
export function scaleAdapter(adapter: Adapter, factor: number): Adapter {
  return factor === 1 ? adapter : { ...adapter, importance: adapter.importance * factor };
}

/** The adapter whose ΔW is multiplied by a factor of its own at each site; B carries the factors. */
export function scaleSites(adapter: Adapter, factorOf: (site: string) => number): Adapter {
  return mapPairs(adapter, ({ a, b }, site) => ({ a, b: scaled(b, factorOf(site)) }));
}

/** The same ΔW written with importance 1 and the given scale: the rest of the gain moves into B. */
export function absorbGain(adapter: Adapter, scale = 1): Adapter {
  const factor = gainOf(adapter) / scale;
  const absorbed = mapPairs(adapter, ({ a, b }) => ({ a, b: scaled(b, factor) }));
  return { ...absorbed, scale, importance: 1 };
}

/**
 * The same ΔW with every column of B as long as its row of A. Magnitudes of entries then mean the same in both
 * factors and in all components, which magnitude pruning of factors silently assumes. (One common constant, B c
 * and A / c, would not do: it changes no ranking within a matrix.)
 */
export function balanceFactors(adapter: Adapter): Adapter {
  return mapPairs(adapter, balancePair);
}

function balancePair(pair: LoraPair): LoraPair {
  const rank = rankOf(pair);
  const inputs = pair.a.shape[1]!;
  const outputs = pair.b.shape[0]!;
  const a = pair.a.data.slice();
  const b = pair.b.data.slice();
  for (let r = 0; r < rank; r++) {
    let squaresA = 0;
    let squaresB = 0;
    for (let i = 0; i < inputs; i++) squaresA += a[r * inputs + i]! ** 2;
    for (let o = 0; o < outputs; o++) squaresB += b[o * rank + r]! ** 2;
    // A component that is zero has no balance.
    if (squaresA === 0 || squaresB === 0) continue;
    const factor = (squaresA / squaresB) ** 0.25;
    for (let i = 0; i < inputs; i++) a[r * inputs + i]! /= factor;
    for (let o = 0; o < outputs; o++) b[o * rank + r]! *= factor;
  }
  return { a: { shape: pair.a.shape, data: a }, b: { shape: pair.b.shape, data: b } };
}
