/**
 * Continual-learning metrics as pure functions of the accuracy matrix R: `R[i][j]` is the accuracy on the test set
 * of task j after training on task i, and a row has i + 1 entries. A method that trains only at the end (joint) has
 * no earlier rows; what needs them is `undefined` for it, never a made-up number.
 *
 * @module
 */

/** Rows of the accuracy matrix; `undefined` where the method was not evaluated. */
export type AccuracyMatrix = readonly (readonly number[] | undefined)[];

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function isComplete(matrix: AccuracyMatrix): matrix is readonly (readonly number[])[] {
  return matrix.every((row) => row !== undefined);
}

/** Final average accuracy A_T = 1/T Σ_j R[T][j] (FAA, "Last"; Mammoth's mean over tasks). */
export function finalAccuracy(matrix: AccuracyMatrix): number | undefined {
  return mean(matrix.at(-1) ?? []);
}

/**
 * Average incremental accuracy 1/T Σ_t Acc_t ("Avg"; PILOT), where Acc_t is the mean over the tasks seen. Equal to
 * PILOT's pooled accuracy when the tasks' test sets have equal sizes.
 */
export function averageIncrementalAccuracy(matrix: AccuracyMatrix): number | undefined {
  if (!isComplete(matrix)) return undefined;
  return mean(matrix.map((row) => mean(row)!));
}

/**
 * Forgetting 1/(T-1) Σ_{j<T} (max_{j≤i<T} R[i][j] - R[T][j]) (Chaudhry et al., arXiv 1801.10112): the maximum is
 * over earlier tasks, so a task that improved counts as negative. `undefined` for one task.
 */
export function forgetting(matrix: AccuracyMatrix): number | undefined {
  return forgettingBy(matrix, (matrix, task) => matrix.slice(task, -1));
}

/** The variant of Mammoth and PILOT, whose maximum includes the last row, so that it is never negative. */
export function forgettingWithLast(matrix: AccuracyMatrix): number | undefined {
  return forgettingBy(matrix, (matrix, task) => matrix.slice(task));
}

function forgettingBy(
  matrix: AccuracyMatrix,
  rows: (matrix: readonly (readonly number[])[], task: number) => readonly (readonly number[])[],
): number | undefined {
  if (!isComplete(matrix)) return undefined;
  const last = matrix.at(-1) ?? [];
  return mean(
    last.slice(0, -1).map((final, task) => Math.max(...rows(matrix, task).map((row) => row[task]!)) - final),
  );
}

/** Backward transfer 1/(T-1) Σ_{j<T} (R[T][j] - R[j][j]) (Lopez-Paz and Ranzato, arXiv 1706.08840). */
export function backwardTransfer(matrix: AccuracyMatrix): number | undefined {
  if (!isComplete(matrix)) return undefined;
  const last = matrix.at(-1) ?? [];
  return mean(last.slice(0, -1).map((final, task) => final - matrix[task]![task]!));
}

/** Plasticity: the mean of R[j][j], how well each task is known right after its training. */
export function plasticity(matrix: AccuracyMatrix): number | undefined {
  if (!isComplete(matrix)) return undefined;
  return mean(matrix.map((row, task) => row[task]!));
}
