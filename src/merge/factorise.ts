/**
 * Best low-rank fits (Eckart and Young, 1936), in float64 on the host, with balanced factors B = U √S, A = √S Vᵀ.
 *
 * A product B A of low rank is fitted exactly: QR of B and of Aᵀ, then an SVD of the small core between them.
 * A dense matrix is fitted by subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithms 4.4 and
 * 5.1), which is exact if the rank plus the oversampling reaches the smaller side.
 *
 * @module
 */
import { Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";
import { createRng } from "../core/rng.ts";
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import type { LoraPair } from "../nn/adapter.ts";

/** Columns beyond the wanted rank, and power iterations: in the ranges the paper recommends. */
const OVERSAMPLING = 8;
const PASSES = 2;

/** The best fit of rank `rank` to the product of a pair; columns beyond its true rank are zero. */
export function truncate({ a, b }: LoraPair, rank: number): LoraPair {
  const left = orthogonalise(toMatrix(b.data, b.shape[0]!, b.shape[1]!));
  const right = orthogonalise(toMatrix(a.data, a.shape[0]!, a.shape[1]!).transpose());
  return fit(left.rest.mmul(right.rest.transpose()), rank, left.basis, right.basis);
}

/** A fit of rank `rank` to a dense row-major matrix [outputs, inputs]. */
export function factorise(
  values: ArrayLike<number>,
  outputs: number,
  inputs: number,
  rank: number,
): LoraPair {
  const matrix = toMatrix(values, outputs, inputs);
  const width = rank + OVERSAMPLING;
  if (width >= Math.min(outputs, inputs)) return fit(matrix, rank);
  // A fixed stream: the same matrix always gives the same factors.
  const rng = createRng(0, "merge/factorise");
  const probe = Matrix.zeros(inputs, width).apply(function (i, j) {
    this.set(i, j, rng.normal());
  });
  const transposed = matrix.transpose();
  let basis = orthonormal(matrix.mmul(probe));
  for (let pass = 0; pass < PASSES; pass++) {
    basis = orthonormal(matrix.mmul(orthonormal(transposed.mmul(basis))));
  }
  return fit(basis.transpose().mmul(matrix), rank, basis);
}

/** A matrix [outputs, inputs] as one factor, the identity as the other. */
export function exact(matrix: HostTensor): LoraPair {
  const [outputs, inputs] = matrix.shape as [number, number];
  // As B, where there is a choice: products skip its zeros.
  return outputs <= inputs ? { a: matrix, b: identity(outputs) } : { a: identity(inputs), b: matrix };
}

function identity(size: number): HostTensor {
  const matrix = hostTensor([size, size]);
  for (let i = 0; i < size; i++) matrix.data[i * size + i] = 1;
  return matrix;
}

function toMatrix(values: ArrayLike<number>, rows: number, columns: number): Matrix {
  const matrix = Matrix.zeros(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const value = values[i * columns + j]!;
      // The SVD would not end.
      if (!Number.isFinite(value)) throw new RangeError(`Cannot factorise a matrix: found ${value} in it`);
      matrix.set(i, j, value);
    }
  }
  return matrix;
}

function orthonormal(matrix: Matrix): Matrix {
  return new QrDecomposition(matrix).orthogonalMatrix;
}

/** Writes a matrix as basis · rest with an orthonormal basis; a matrix that is not tall needs none. */
function orthogonalise(matrix: Matrix): { readonly basis?: Matrix; readonly rest: Matrix } {
  if (matrix.rows <= matrix.columns) return { rest: matrix };
  const { orthogonalMatrix: basis, upperTriangularMatrix: rest } = new QrDecomposition(matrix);
  return { basis, rest };
}

/** The best fit to left · core · rightᵀ, where the bases are orthonormal or absent. */
function fit(core: Matrix, rank: number, left?: Matrix, right?: Matrix): LoraPair {
  const { leftSingularVectors, rightSingularVectors, diagonal } = new SingularValueDecomposition(core, {
    autoTranspose: true,
  });
  const u = left ? left.mmul(leftSingularVectors) : leftSingularVectors;
  const v = right ? right.mmul(rightSingularVectors) : rightSingularVectors;
  const a = hostTensor([rank, v.rows]);
  const b = hostTensor([u.rows, rank]);
  for (let r = 0; r < Math.min(rank, diagonal.length); r++) {
    const root = Math.sqrt(diagonal[r]!);
    for (let i = 0; i < v.rows; i++) a.data[r * v.rows + i] = v.get(i, r) * root;
    for (let o = 0; o < u.rows; o++) b.data[o * rank + r] = u.get(o, r) * root;
  }
  return { a, b };
}
