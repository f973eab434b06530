/**
 * Continual-learning metrics as pure functions of the accuracy matrix R: `R[i][j]` is the accuracy on the test set
 * of task j after training on task i, and a row has i + 1 entries. A method that trains only at the end (joint), or
 * a run that is scored only now and then, has no earlier rows; what needs them is `undefined`, never a made-up number.
 *
 * Two averages over what has been seen are in use and both are called accuracy: the share of **all test images**
 * (pooled; what PILOT prints), and the plain **mean over tasks** (what Mammoth prints). They agree where tasks have
 * test sets of equal sizes; where not, the mean over tasks moves with the number of tasks, even for a classifier that
 * answers every image alike.
 *
 * @module
 */

/** Rows of the accuracy matrix; `undefined` where the method was not evaluated. */
export type AccuracyMatrix = readonly (readonly number[] | undefined)[];

/** Right answers `hits[i][j]` on task j after task i, and the test images of each task. */
export interface Counts {
  /** Right answers on test images. */
  readonly hits: AccuracyMatrix;
  /** Test images per task, for all tasks. */
  readonly images: readonly number[];
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function isComplete(matrix: AccuracyMatrix): matrix is readonly (readonly number[])[] {
  return matrix.every((row) => row !== undefined);
}

/** Accuracy over all test images seen, in the end: Σ_j hits[T][j] / Σ_j images[j] (PILOT's last "top1"). */
export function pooledAccuracy({ hits, images }: Counts): number | undefined {
  return pooled(hits.at(-1), images);
}

/** Mean over tasks, in the end: A_T = 1/T Σ_j R[T][j] (FAA; Mammoth's class-IL accuracy). */
export function taskMeanAccuracy(matrix: AccuracyMatrix): number | undefined {
  return mean(matrix.at(-1) ?? []);
}

/** Mean over t of the accuracy over all test images seen after task t (PILOT's "average accuracy"). */
export function averagePooledAccuracy({ hits, images }: Counts): number | undefined {
  if (!isComplete(hits)) return undefined;
  return mean(hits.map((row) => pooled(row, images)!));
}

/** Mean over t of the mean over the tasks seen after task t (average incremental accuracy over tasks). */
export function averageTaskMeanAccuracy(matrix: AccuracyMatrix): number | undefined {
  if (!isComplete(matrix)) return undefined;
  return mean(matrix.map((row) => mean(row)!));
}

function pooled(hits: readonly number[] | undefined, images: readonly number[]): number | undefined {
  if (!hits || hits.length === 0) return undefined;
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
  return total(hits) / total(images.slice(0, hits.length));
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
