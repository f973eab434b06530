/**
 * Merging by task singular vectors, TSV-M (Gargiulo et al., arXiv 2412.00081): each update keeps its leading triplets,
 * and the singular vectors of all updates are replaced together by the nearest orthonormal ones, so that they no longer
 * get in each other's way.
 *
 * @module
 */
import type { Adapter } from "../nn/adapter.ts";
import { commonSites } from "./delta.ts";
import {
  adapterOfFactors,
  besides,
  type Factors,
  factorsAt,
  leadingTriplets,
  polarFactor,
  spectrumOf,
  uOf,
  vOf,
} from "./spectrum.ts";

/** How to merge. */
export interface TsvOptions {
  /** Triplets kept of each update of a site, or `null` for the published share: floor(smaller side of ΔW / T). */
  readonly triplets: number | null;
  /** Factor of the merged update. */
  readonly scale: number;
}

/** The merged update of one site: polar([U_1 … U_T]) diag(σ) polar([V_1 … V_T])ᵀ. */
export function tsvMerge(updates: readonly Factors[], { triplets, scale }: TsvOptions): Factors {
  const [outputs, inputs] = [updates[0]!.left.rows, updates[0]!.right.columns];
  const share = Math.max(1, Math.floor(Math.min(outputs, inputs) / updates.length));
  const kept = updates.map((factors) => leadingTriplets(spectrumOf(factors), triplets ?? share));
  const left = polarFactor(besides(kept.map(uOf)));
  const right = polarFactor(besides(kept.map(vOf))).transpose();
  kept.flatMap(({ s }) => [...s]).forEach((value, i) => right.mulRow(i, value * scale));
  return { left, right };
}

/** The same for all sites of adapters. */
export function tsvAdapters(adapters: readonly Adapter[], options: TsvOptions): Adapter {
  const merged = commonSites(adapters).map((site) =>
    [site, tsvMerge(adapters.map((adapter) => factorsAt(adapter, site)), options)] as const
  );
  return adapterOfFactors(Object.fromEntries(merged));
}
