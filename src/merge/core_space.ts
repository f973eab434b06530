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
import {
  adapterOfFactors,
  below,
  besides,
  entriesOf,
  type Factors,
  factorsAt,
  spectrumOf,
  toMatrix,
  uOf,
  vOf,
} from "./spectrum.ts";
import type { Entries, Update } from "./update.ts";

/** Updates of one site in common coordinates. */
export interface CoreSpace {
  /** U [out, k] */
  readonly left: Matrix;
  /** V [in, l] */
  readonly right: Matrix;
  /** M_t, each [k, l]. */
  readonly cores: readonly Entries[];
}

/** The common coordinates of some updates of one site. */
export function coreSpace(updates: readonly Factors[]): CoreSpace {
  const columns = besides(updates.map(({ left }) => left));
  const rows = below(updates.map(({ right }) => right));
  const left = uOf(spectrumOf({ left: columns, right: Matrix.eye(columns.columns) }));
  const right = vOf(spectrumOf({ left: Matrix.eye(rows.rows), right: rows }));
  const cores = updates.map((update) => left.transpose().mmul(update.left).mmul(update.right.mmul(right)));
  return { left, right, cores: entriesOf(cores) };
}

/** Merges the cores of all sites; `merge` gets the cores of each adapter as an update. */
export function mergeCores(
  adapters: readonly Adapter[],
  merge: (cores: readonly Update[]) => Update,
): Adapter {
  const spaces = commonSites(adapters).map((site) =>
    [site, coreSpace(adapters.map((adapter) => factorsAt(adapter, site)))] as const
  );
  const merged = merge(
    adapters.map((_, t) => Object.fromEntries(spaces.map(([site, { cores }]) => [site, cores[t]!]))),
  );
  const updates = spaces.map(([site, { left, right }]) => {
    const { shape, data } = merged[site]!;
    const core = toMatrix(data, shape[0]!, shape[1]!);
    return [site, { left: left.mmul(core), right: right.transpose() }] as const;
  });
  return adapterOfFactors(Object.fromEntries(updates));
}
