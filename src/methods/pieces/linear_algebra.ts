/**
 * Linear algebra on the host in float64, between tensors and ml-matrix.
 *
 * @module
 */
import { EigenvalueDecomposition, Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";

/** A tensor [rows, columns] as a matrix. */
export function matrixOf({ shape, data }: HostTensor): Matrix {
  return Matrix.from1DArray(shape[0]!, shape[1]!, data);
}

/** A matrix as a tensor, each number rounded once. */
export function tensorOf(matrix: Matrix): HostTensor {
  return hostTensor([matrix.rows, matrix.columns], Float32Array.from(matrix.to1DArray()));
}

/** Singular value decomposition M = U diag(σ) Vᵀ, thin, largest first. */
export function svd(
  matrix: Matrix,
): { readonly u: Matrix; readonly s: readonly number[]; readonly v: Matrix } {
  const found = new SingularValueDecomposition(matrix, { autoTranspose: true });
  return { u: found.leftSingularVectors, s: found.diagonal, v: found.rightSingularVectors };
}

/** Eigenvectors (columns) and eigenvalues of a symmetric matrix, largest first. */
export function eigh(symmetric: Matrix): { readonly values: readonly number[]; readonly vectors: Matrix } {
  const found = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const order = found.realEigenvalues.map((_, i) => i).sort((i, j) =>
    found.realEigenvalues[j]! - found.realEigenvalues[i]!
  );
  return {
    values: order.map((i) => found.realEigenvalues[i]!),
    vectors: found.eigenvectorMatrix.subMatrixColumn(order),
  };
}

/** Orthonormal columns with the span of a matrix of full column rank. */
export function orthonormal(matrix: Matrix): Matrix {
  return new QrDecomposition(matrix).orthogonalMatrix.subMatrix(
    0,
    matrix.rows - 1,
    0,
    Math.min(matrix.rows, matrix.columns) - 1,
  );
}

/** The smallest number of leading values, largest first, whose sum reaches a share of the whole. */
export function leading(values: readonly number[], share: number): number {
  const total = values.reduce((sum, value) => sum + Math.max(value, 0), 0);
  let sum = 0;
  for (const [i, value] of values.entries()) {
    if (sum >= share * total) return i;
    sum += Math.max(value, 0);
  }
  return values.length;
}
