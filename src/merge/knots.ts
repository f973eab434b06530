/**
 * KnOTS (Stoica et al., arXiv 2410.19735): updates are written in one basis before they are merged entry by entry.
 * Site by site, [ΔW_1 | … | ΔW_T] = U Σ [V_1ᵀ | … | V_Tᵀ]; what is merged are the Σ V_tᵀ, and the result is U times
 * that. The wide matrix is never formed: with the QR of all B and of each A_tᵀ, the SVD of a matrix as large as the
 * ranks gives the same U and Σ.
 *
 * @module
 */
import { Matrix, QrDecomposition } from "ml-matrix";
import type { Adapter } from "../nn/adapter.ts";
import { commonSites } from "./delta.ts";
import { electedMean, trim } from "./entrywise.ts";
import {
  adapterOfFactors,
  besides,
  entriesOf,
  type Factors,
  factorsAt,
  factorsOfSpectrum,
  spectrumOf,
  toMatrix,
} from "./spectrum.ts";
import { type Entries, mergeUpdates } from "./update.ts";

/** How to merge. */
export interface KnotsOptions {
  /** Fraction of entries kept of every aligned update. */
  readonly keep: number;
  /** Factor of the merged update. */
  readonly scale: number;
  /** Among which entries they are ranked. */
  readonly over: "site" | "model";
}

/** Updates of one site in their common basis: ΔW_t = basis · parts[t]. */
export interface Aligned {
  /** U [out, k], k the rank of all updates together. */
  readonly basis: Matrix;
  /** Σ V_tᵀ, each [k, in]. */
  readonly parts: readonly Entries[];
}

/** Aligns the updates of one site. */
export function align(updates: readonly Factors[]): Aligned {
  const rows = updates.map(({ right }) => rowBasis(right));
  // [B_1 L_1 | … | B_T L_T] has the singular values of the wide matrix, as the Q_t have orthonormal rows.
  const narrow = besides(updates.map(({ left }, t) => left.mmul(rows[t]!.rest)));
  const spectrum = spectrumOf({ left: narrow, right: Matrix.eye(narrow.columns) });
  const { left: basis, right } = factorsOfSpectrum(spectrum);
  let first = 0;
  const parts = rows.map(({ rest, basis: own }) => {
    const last = first + rest.columns - 1;
    const part = right.rows === 0
      ? Matrix.zeros(0, own.columns)
      : right.subMatrix(0, right.rows - 1, first, last).mmul(own);
    first = last + 1;
    return part;
  });
  return { basis, parts: entriesOf(parts) };
}

/** A wide matrix as rest · basis with orthonormal rows in the basis. */
function rowBasis(matrix: Matrix): { readonly rest: Matrix; readonly basis: Matrix } {
  if (matrix.rows >= matrix.columns) return { rest: matrix, basis: Matrix.eye(matrix.columns) };
  const { orthogonalMatrix, upperTriangularMatrix } = new QrDecomposition(matrix.transpose());
  return { rest: upperTriangularMatrix.transpose(), basis: orthogonalMatrix.transpose() };
}

/** TIES of aligned updates. */
export function knotsTies(adapters: readonly Adapter[], { keep, scale, over }: KnotsOptions): Adapter {
  const aligned = commonSites(adapters).map((site) =>
    [site, align(adapters.map((adapter) => factorsAt(adapter, site)))] as const
  );
  const trimmed = adapters.map((_, t) => {
    const own = aligned.map(([site, { parts }]) => [site, parts[t]!] as const);
    return trim(Object.fromEntries(own), keep, over);
  });
  const merged = mergeUpdates(trimmed, electedMean);
  const updates = aligned.map(([site, { basis }]) => {
    const { shape, data } = merged[site]!;
    return [site, { left: basis, right: toMatrix(data, shape[0]!, shape[1]!).mul(scale) }] as const;
  });
  return adapterOfFactors(Object.fromEntries(updates));
}
