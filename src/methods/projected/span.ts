/**
 * Spans of the inputs of earlier tasks, grown task by task by the share of their energy that must lie within
 * (GPM: Saha et al., arXiv 2103.09762). Kept as an orthonormal basis of the span, or of what it leaves where that is
 * smaller (DualGPM: Liang and Li, CVPR 2023), so that it never takes more than half a square matrix.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { eigh } from "../pieces/linear_algebra.ts";

/** A subspace of `size` dimensions or the orthogonal complement of one. */
export type Span = {
  /** Of the whole space. */
  readonly size: number;
  /** `"span"`: the basis spans it; `"rest"`: the basis spans what it leaves. */
  readonly keeps: "span" | "rest";
  /** Orthonormal columns: [size, count], row by row. */
  readonly basis: Float32Array;
};

/** Nothing yet. */
export function emptySpan(size: number): Span {
  return { size, keeps: "span", basis: new Float32Array() };
}

/** Dimensions of the span. */
export function dimensionOf({ size, keeps, basis }: Span): number {
  const count = basis.length / size;
  return keeps === "span" ? count : size - count;
}

/** The orthogonal projector onto what a span leaves. */
export function restOf({ size, keeps, basis }: Span): Matrix {
  const count = basis.length / size;
  const within = Matrix.zeros(size, size);
  if (count > 0) {
    const columns = Matrix.from1DArray(size, count, basis);
    within.add(columns.mmul(columns.transpose()));
  }
  return keeps === "span" ? Matrix.sub(Matrix.eye(size), within) : within;
}

/**
 * The span with the fewest further directions with which it holds a share of the energy of new inputs.
 *
 * @param energies A symmetric matrix S; a direction u has the energy uᵀ S u
 * @param share Below 1
 */
export function grow(span: Span, energies: Matrix, share: number): Span {
  const { size } = span;
  const rest = restOf(span);
  const outside = rest.mmul(energies).mmul(rest);
  const total = energies.trace();
  const { values, vectors } = eigh(symmetric(outside));
  const left = size - dimensionOf(span);
  let held = total - outside.trace();
  let added = 0;
  while (added < left && held < share * total && values[added]! > 0) held += values[added++]!;
  if (added === 0) return span;
  const fresh = vectors.subMatrix(0, size - 1, 0, added - 1);
  const dimension = size - left + added;
  if (span.keeps === "span" && dimension <= size / 2) {
    const old = Matrix.from1DArray(size, size - left, span.basis);
    return { ...span, basis: columnsOf(size - left === 0 ? fresh : joined(old, fresh)) };
  }
  const remaining = Matrix.sub(rest, fresh.mmul(fresh.transpose()));
  return { size, keeps: "rest", basis: leadingOf(remaining, size - dimension) };
}

function symmetric(matrix: Matrix): Matrix {
  return Matrix.add(matrix, matrix.transpose()).mul(0.5);
}

function columnsOf(matrix: Matrix): Float32Array {
  return Float32Array.from(matrix.to1DArray());
}

function joined(left: Matrix, right: Matrix): Matrix {
  const whole = Matrix.zeros(left.rows, left.columns + right.columns);
  return whole.setSubMatrix(left, 0, 0).setSubMatrix(right, 0, left.columns);
}

function leadingOf(projector: Matrix, count: number): Float32Array {
  if (count === 0) return new Float32Array();
  return columnsOf(eigh(symmetric(projector)).vectors.subMatrix(0, projector.rows - 1, 0, count - 1));
}
