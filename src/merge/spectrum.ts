/**
 * Updates by their singular values, in float64 on the host: ΔW = U diag(σ) Vᵀ with as many triplets as ΔW has rank.
 * A product of low-rank factors never becomes a matrix [out, in]: QR of both factors, then an SVD of the core between
 * them, gives the very triplets of ΔW.
 *
 * @module
 */
import { Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";
import { hostTensor } from "../core/tensors.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { gainOf } from "./delta.ts";
import type { Entries } from "./update.ts";

/**
 * Singular values below this share of the largest are rounding and not directions. Products of float32 factors are
 * exact in float64, so what rounding leaves lies far below, and what training moved far above.
 */
export const RANK_TOLERANCE = 1e-9;

/** Any factors of an update: ΔW = left · right. */
export interface Factors {
  /** [out, k] */
  readonly left: Matrix;
  /** [k, in] */
  readonly right: Matrix;
}

/** The singular triplets of an update; none where it is zero. A state value. */
export type Spectrum = {
  readonly outputs: number;
  readonly inputs: number;
  /** [out, rank] */
  readonly u: Float64Array;
  /** Largest first. */
  readonly s: Float64Array;
  /** [in, rank] */
  readonly v: Float64Array;
};

/** The triplets of an adapter's sites. */
export type Spectra = { readonly [site: string]: Spectrum };

/** ΔW of one site in factors, the gain in the left one. */
export function factorsAt(adapter: Adapter, site: string): Factors {
  const { a, b } = adapter.pairs[site]!;
  const gain = gainOf(adapter);
  return {
    left: toMatrix(b.data, b.shape[0]!, b.shape[1]!).mul(gain),
    right: toMatrix(a.data, a.shape[0]!, a.shape[1]!),
  };
}

/** Row-major numbers as a matrix. */
export function toMatrix(values: ArrayLike<number>, rows: number, columns: number): Matrix {
  const matrix = Matrix.zeros(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = values[i * columns + j]!;
      // A decomposition would not end.
      if (!Number.isFinite(value)) throw new RangeError(`Cannot decompose an update: found ${value} in it`);
      matrix.set(i, j, value);
    }
  }
  return matrix;
}

/** A matrix as row-major numbers. */
export function toArray(matrix: Matrix): Float64Array {
  return Float64Array.from(matrix.to1DArray());
}

/** Matrices side by side. */
export function besides(parts: readonly Matrix[]): Matrix {
  const whole = Matrix.zeros(parts[0]!.rows, parts.reduce((total, { columns }) => total + columns, 0));
  let first = 0;
  for (const part of parts) {
    if (part.columns === 0) continue;
    whole.setSubMatrix(part, 0, first);
    first += part.columns;
  }
  return whole;
}

/** Matrices one below the other. */
export function below(parts: readonly Matrix[]): Matrix {
  return besides(parts.map((part) => part.transpose())).transpose();
}

/** A matrix as basis · rest with orthonormal columns in the basis; one that is not tall is its own rest. */
function orthogonalise(matrix: Matrix): { readonly basis?: Matrix; readonly rest: Matrix } {
  if (matrix.rows <= matrix.columns) return { rest: matrix };
  const { orthogonalMatrix: basis, upperTriangularMatrix: rest } = new QrDecomposition(matrix);
  return { basis, rest };
}

/** The triplets of left · right. */
export function spectrumOf({ left, right }: Factors): Spectrum {
  const [outputs, inputs] = [left.rows, right.columns];
  if (left.columns === 0) return emptySpectrum(outputs, inputs);
  const [l, r] = [orthogonalise(left), orthogonalise(right.transpose())];
  const core = denseSpectrum(l.rest.mmul(r.rest.transpose()));
  const place = (basis: Matrix | undefined, vectors: Matrix) =>
    toArray(basis && vectors.columns > 0 ? basis.mmul(vectors) : vectors);
  return {
    outputs,
    inputs,
    u: place(l.basis, uOf(core)),
    s: core.s,
    v: place(r.basis, vOf(core)),
  };
}

/** The triplets of a matrix. */
export function denseSpectrum(matrix: Matrix): Spectrum {
  const { rows, columns } = matrix;
  const found = new SingularValueDecomposition(matrix, { autoTranspose: true });
  const [largest = 0] = found.diagonal;
  const rank = largest > 0 ? found.diagonal.filter((value) => value > RANK_TOLERANCE * largest).length : 0;
  if (rank === 0) return emptySpectrum(rows, columns);
  return {
    outputs: rows,
    inputs: columns,
    u: toArray(found.leftSingularVectors.subMatrix(0, rows - 1, 0, rank - 1)),
    s: Float64Array.from(found.diagonal.slice(0, rank)),
    v: toArray(found.rightSingularVectors.subMatrix(0, columns - 1, 0, rank - 1)),
  };
}

function emptySpectrum(outputs: number, inputs: number): Spectrum {
  return { outputs, inputs, u: new Float64Array(), s: new Float64Array(), v: new Float64Array() };
}

/** U [out, rank]. */
export function uOf({ u, s, outputs }: Spectrum): Matrix {
  return toMatrix(u, outputs, s.length);
}

/** V [in, rank]. */
export function vOf({ v, s, inputs }: Spectrum): Matrix {
  return toMatrix(v, inputs, s.length);
}

/** The update as factors U and diag(σ) Vᵀ. */
export function factorsOfSpectrum(spectrum: Spectrum): Factors {
  const right = vOf(spectrum).transpose();
  spectrum.s.forEach((value, i) => right.mulRow(i, value));
  return { left: uOf(spectrum), right };
}

/** The sum of two updates, by their factors. */
export function addFactors(one: Factors, other: Factors): Factors {
  return { left: besides([one.left, other.left]), right: below([one.right, other.right]) };
}

/** The first triplets. */
export function leadingTriplets(spectrum: Spectrum, count: number): Spectrum {
  const rank = Math.min(count, spectrum.s.length);
  const cut = (matrix: Matrix) =>
    rank === 0 ? new Float64Array() : toArray(matrix.subMatrix(0, matrix.rows - 1, 0, rank - 1));
  return { ...spectrum, u: cut(uOf(spectrum)), s: spectrum.s.slice(0, rank), v: cut(vOf(spectrum)) };
}

/** Squared Frobenius norm. */
export function squaredNorm({ s }: Spectrum): number {
  return s.reduce((total, value) => total + value * value, 0);
}

/**
 * The orthogonal factor of a matrix's polar decomposition, which is the nearest one with orthonormal columns (or rows).
 * Directions in which the matrix is zero have none and stay zero: then it is the nearest partial isometry.
 */
export function polarFactor(matrix: Matrix): Matrix {
  if (matrix.columns === 0) return matrix;
  const spectrum = denseSpectrum(matrix);
  return spectrum.s.length === 0
    ? Matrix.zeros(matrix.rows, matrix.columns)
    : uOf(spectrum).mmul(vOf(spectrum).transpose());
}

/** Entries below this share of the largest are rounding: a zero that came out of a decomposition. */
const ROUNDING = 1e-12;

/**
 * Matrices of one site as entries, site by site of one update each; rounding becomes zero, so that it has no say where
 * signs are elected.
 */
export function entriesOf(updates: readonly Matrix[]): Entries[] {
  const extents = updates.map((update) =>
    update.rows * update.columns > 0 ? Math.max(update.max(), -update.min()) : 0
  );
  const least = ROUNDING * Math.max(...extents);
  return updates.map((update) => ({
    shape: [update.rows, update.columns],
    data: toArray(update).map((value) => Math.abs(value) < least ? 0 : value),
  }));
}

/** Factors as a pair of float32 tensors, each number rounded once; a rank of 0 becomes a rank of 1 that is zero. */
export function pairOf({ left, right }: Factors): LoraPair {
  const rank = Math.max(1, left.columns);
  const [a, b] = [hostTensor([rank, right.columns]), hostTensor([left.rows, rank])];
  if (left.columns > 0) {
    a.data.set(right.to1DArray());
    b.data.set(left.to1DArray());
  }
  return { a, b };
}

/** An adapter of updates given by site, with scale and importance 1. */
export function adapterOfFactors(updates: Readonly<Record<string, Factors>>): Adapter {
  const pairs = Object.entries(updates).map(([site, factors]) => [site, pairOf(factors)] as const);
  return { scale: 1, importance: 1, pairs: Object.fromEntries(pairs) };
}
