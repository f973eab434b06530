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
import { dropRounding, elect, trim, type TrimScope } from "./elect.ts";
import { adapterOf, besides, type Factors, factorsAt, factorsOfSpectrum, spectrumOf } from "./spectrum.ts";

/** How to merge. */
export interface KnotsOptions {
  /** Fraction of entries kept of every aligned update. */
  readonly keep: number;
  /** Factor of the merged update. */
  readonly scale: number;
  /** Among which entries they are ranked. */
  readonly scope: TrimScope;
}

/** Updates of one site in their common basis: ΔW_t = basis · parts[t]. */
export interface Aligned {
  /** U [out, k], k the rank of all updates together. */
  readonly basis: Matrix;
  /** Σ V_tᵀ, each [k, in]. */
  readonly parts: readonly Matrix[];
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
  return { basis, parts: dropRounding(parts) };
}

/** A wide matrix as rest · basis with orthonormal rows in the basis. */
function rowBasis(matrix: Matrix): { readonly rest: Matrix; readonly basis: Matrix } {
  if (matrix.rows >= matrix.columns) return { rest: matrix, basis: Matrix.eye(matrix.columns) };
  const { orthogonalMatrix, upperTriangularMatrix } = new QrDecomposition(matrix.transpose());
  return { rest: upperTriangularMatrix.transpose(), basis: orthogonalMatrix.transpose() };
}

/** TIES of aligned updates. */
export function knotsTies(adapters: readonly Adapter[], { keep, scale, scope }: KnotsOptions): Adapter {
  const sites = commonSites(adapters);
  const aligned = sites.map((site) => align(adapters.map((adapter) => factorsAt(adapter, site))));
  const trimmed = trim(adapters.map((_, t) => aligned.map(({ parts }) => parts[t]!)), keep, scope);
  const merged = sites.map((site, i) => {
    const right = elect(trimmed.map((parts) => parts[i]!)).mul(scale);
    return [site, { left: aligned[i]!.basis, right }] as const;
  });
  return adapterOf(Object.fromEntries(merged));
}
