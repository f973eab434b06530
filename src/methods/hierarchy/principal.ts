/**
 * Bases of factors for Share: the principal directions of the columns of many tasks, and the tasks' loadings on them.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import type { Rng } from "../../core/rng.ts";
import { eigh, orthonormal } from "../pieces/linear_algebra.ts";

/** Columns that a basis is made for, and further ones that shape it: [size, n]. */
export interface Columns {
  readonly own: Matrix;
  readonly beside?: Matrix;
}

/** What the bases of one factor are made of. */
export interface Stack {
  /** Orthonormal columns [size, k]; absent before the first task. */
  readonly basis?: Matrix;
  /** Loadings [k, rank] of earlier tasks on it. */
  readonly earlier: readonly Matrix[];
  readonly columns: Columns;
  /** k, or the size if that is less. */
  readonly components: number;
  /** Whether directions are of columns around their mean, with the mean or without it, or of columns as they are. */
  readonly centre: "keep" | "drop" | "none";
}

/**
 * The k principal directions of all tasks' columns, and every task's loadings on them. Computed in a frame of the old
 * basis and the new columns, in which all columns lie, so that no matrix grows with the factor's size or the tasks.
 */
export function principal(
  { basis, earlier, columns: { own, beside }, components, centre }: Stack,
  fill: Rng,
): { readonly basis: Matrix; readonly loadings: readonly Matrix[] } {
  const size = own.rows;
  const count = Math.min(components, size);
  const spanning = sideBySide([...(basis ? [basis] : []), own, ...(beside ? [beside] : [])]);
  const frame = spanning.columns < size ? orthonormal(spanning) : Matrix.eye(size);
  const inFrame = (matrix: Matrix) => frame.transpose().mmul(matrix);
  const tasks = [...earlier.map((loading) => inFrame(basis!).mmul(loading)), inFrame(own)];
  const all = sideBySide([...tasks, ...(beside ? [inFrame(beside)] : [])]);

  const mean = Matrix.columnVector(all.mean("row"));
  const kept = centre === "keep" && mean.norm() > 0 ? [Matrix.div(mean, mean.norm())] : [];
  const around = centre === "none" ? all : all.clone().subColumnVector(mean.to1DArray());
  const rest = kept.reduce((left, unit) => Matrix.sub(left, unit.mmul(unit.transpose().mmul(left))), around);
  const { values, vectors } = eigh(rest.mmul(rest.transpose()));
  const meant = values.filter((value) => value > 1e-12 * values[0]!).length;
  const numbers = Array.from({ length: Math.min(meant, count - kept.length) }, (_, i) => i);
  const directions = [...kept, ...numbers.map((i) => vectors.subMatrixColumn([i]))];
  const next = completed(directions.map((direction) => frame.mmul(direction)), size, count, fill);
  const onNext = next.transpose().mmul(frame);
  return { basis: next, loadings: tasks.map((task) => onNext.mmul(task)) };
}

/** Orthonormal columns, and random ones orthogonal to them up to a number. */
function completed(columns: readonly Matrix[], size: number, count: number, fill: Rng): Matrix {
  const missing = count - columns.length;
  if (missing <= 0) return sideBySide(columns);
  const all = orthonormal(sideBySide([...columns, randomMatrix(fill, size, missing)]));
  const added = Array.from({ length: missing }, (_, i) => columns.length + i);
  return sideBySide([...columns, all.subMatrixColumn(added)]);
}

function sideBySide(matrices: readonly Matrix[]): Matrix {
  const rows = matrices[0]!.rows;
  const all = Matrix.zeros(rows, matrices.reduce((total, { columns }) => total + columns, 0));
  let first = 0;
  for (const matrix of matrices) {
    all.setSubMatrix(matrix, 0, first);
    first += matrix.columns;
  }
  return all;
}

/** Normal numbers of variance 1 / the longer side. */
export function randomMatrix(rng: Rng, rows: number, columns: number): Matrix {
  const deviation = 1 / Math.sqrt(Math.max(rows, columns));
  return Matrix.zeros(rows, columns).apply(function (i, j) {
    this.set(i, j, deviation * rng.normal());
  });
}
