/**
 * Core space (Panariello et al., arXiv 2509.17786): with orthonormal bases of all columns [B_1 … B_T] and of all rows
 * [A_1; …; A_T], every update of a site is a small core between them, ΔW_t = U M_t Vᵀ, and nothing is lost. Whatever
 * only turns with the bases (sums, singular values, polar factors) gives the same update as it would on ΔW; what looks at
 * entries (TIES, DARE) gives another one, of rank at most Σ rank instead of full rank.
 *
 * The bases are the left singular vectors of the stacked factors as they were trained, the gain in B.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import type { Adapter } from "../nn/adapter.ts";
import { commonSites } from "./delta.ts";
import { dropRounding } from "./elect.ts";
import { adapterOf, below, besides, type Factors, factorsAt, spectrumOf, uOf, vOf } from "./spectrum.ts";

/** Updates of one site in common coordinates. */
export interface CoreSpace {
  /** U [out, k] */
  readonly left: Matrix;
  /** V [in, l] */
  readonly right: Matrix;
  /** M_t, each [k, l]. */
  readonly cores: readonly Matrix[];
}

/** The common coordinates of some updates of one site. */
export function coreSpace(updates: readonly Factors[]): CoreSpace {
  const columns = besides(updates.map(({ left }) => left));
  const rows = below(updates.map(({ right }) => right));
  const left = uOf(spectrumOf({ left: columns, right: Matrix.eye(columns.columns) }));
  const right = vOf(spectrumOf({ left: Matrix.eye(rows.rows), right: rows }));
  const cores = updates.map((update) => left.transpose().mmul(update.left).mmul(update.right.mmul(right)));
  return { left, right, cores: dropRounding(cores) };
}

/** Merges the cores of all sites; `merge` gets, for each adapter, its cores in the order of the sites. */
export function mergeCores(
  adapters: readonly Adapter[],
  merge: (cores: readonly (readonly Matrix[])[]) => readonly Matrix[],
): Adapter {
  const sites = commonSites(adapters);
  const spaces = sites.map((site) => coreSpace(adapters.map((adapter) => factorsAt(adapter, site))));
  const merged = merge(adapters.map((_, t) => spaces.map(({ cores }) => cores[t]!)));
  const updates = sites.map((site, i) => {
    const { left, right } = spaces[i]!;
    const core = merged[i]!;
    return [site, { left: left.mmul(core), right: right.transpose() }] as const;
  });
  return adapterOf(Object.fromEntries(updates));
}
