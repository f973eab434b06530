/**
 * Merging by what a layer reads. RegMean (Jin et al., arXiv 2212.09849): of all linear maps the one whose outputs are
 * nearest to those of each task's map on that task's inputs, W = (Σ W_t G_t)(Σ G_t)⁻¹ with G_t = XᵀX. LoRM (Salami et
 * al., arXiv 2410.17961): the same for a product B A of fixed rank, one factor at a time.
 *
 * @module
 */
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix, solve } from "ml-matrix";
import type { Factors } from "./spectrum.ts";

/** Eigenvalues below this share of the largest count as zero: Gram matrices are summed in float32. */
const SINGULAR = 1e-6;

/** A Gram matrix with its entries off the diagonal scaled, which makes it well conditioned. */
export function shrinkGram(gram: Matrix, offDiagonal: number): Matrix {
  return gram.clone().apply(function (this: Matrix, i, j) {
    if (i !== j) this.set(i, j, this.get(i, j) * offDiagonal);
  });
}

/** E G⁺ for a symmetric G ⪰ 0. */
export function divideByGram(numerator: Matrix, given: Matrix): Matrix {
  // Products are symmetric but for rounding.
  const gram = Matrix.add(given, given.transpose()).mul(0.5);
  const largest = Math.max(...gram.diagonal());
  if (!(largest > 0)) return Matrix.zeros(numerator.rows, numerator.columns);
  const cholesky = new CholeskyDecomposition(gram);
  const roots = cholesky.lowerTriangularMatrix.diagonal();
  if (roots.every((value) => value * value > SINGULAR * largest)) {
    return cholesky.solve(numerator.transpose()).transpose();
  }
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(gram, {
    assumeSymmetric: true,
  });
  const top = Math.max(...values);
  const inverse = values.map((value) => value > SINGULAR * top ? 1 / value : 0);
  return numerator.mmul(vectors).mmul(Matrix.diag(inverse)).mmul(vectors.transpose());
}

/**
 * Alternates the two closed forms: B = E Aᵀ (A G Aᵀ)⁺, then A = (BᵀB)⁺ Bᵀ E G⁺. Neither makes
 * Σ_t ‖(B A - ΔW_t) X_t‖² larger.
 *
 * @param numerator E = Σ ΔW_t G_t
 */
export function alternate(numerator: Matrix, gram: Matrix, start: Factors, rounds: number): Factors {
  const whole = divideByGram(numerator, gram);
  let { left, right } = start;
  for (let round = 0; round < rounds; round++) {
    const read = right.mmul(gram).mmul(right.transpose());
    left = divideByGram(numerator.mmul(right.transpose()), read);
    right = solve(left, whole, true);
  }
  return { left, right };
}
