/**
 * Class-incremental streams: the classes of a data set in a seeded order, cut into consecutive tasks. Everything
 * that decides what a method sees, and in which order, is in the stream's hash.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { hashJson } from "../core/json.ts";
import { createRng } from "../core/rng.ts";
import type { Dataset, Split } from "./dataset.ts";

/** One task: its classes and its images. Tasks share neither. */
export interface StreamTask {
  /** Position in the stream, from 0. */
  readonly index: number;
  /** Class numbers of the data set, in stream order. */
  readonly classes: readonly number[];
  /** Ascending indices into `dataset.train`. */
  readonly train: Int32Array;
  /** Ascending indices into `dataset.test`. */
  readonly test: Int32Array;
}

/** A data set cut into tasks. */
export interface TaskStream {
  readonly dataset: Dataset;
  readonly tasks: readonly StreamTask[];
  /** The class numbers in the order they arrive: all of the data set's, unless each task has a number of its own. */
  readonly classOrder: readonly number[];
  readonly orderSeed: number;
  /** As asked for; absent if all classes of the data set take part. */
  readonly classesPerTask?: number;
  /** SHA-256 of the canonical JSON of fingerprint, class order and every task's classes and indices. */
  readonly hash: string;
}

/** How to cut a data set into tasks. */
export interface StreamOptions {
  /** Number of tasks. It need not divide the number of classes: earlier tasks then get one class more. */
  readonly tasks: number;
  /** Seed of the class order. */
  readonly orderSeed: number;
  /**
   * Classes of each task. The first `tasks * classesPerTask` of the shuffled classes then take part, so that streams
   * of growing length begin with the same tasks.
   */
  readonly classesPerTask?: number;
}

/**
 * Shuffles the classes by `orderSeed` and cuts them into `tasks` runs: all of them into runs whose sizes differ by at
 * most one, or the first into runs of `classesPerTask`.
 *
 * @throws {InputError} If there are too few classes, or a class lacks training or test images
 */
export function createStream(
  dataset: Dataset,
  { tasks: count, orderSeed, classesPerTask }: StreamOptions,
): TaskStream {
  const available = dataset.classNames.length;
  if (classesPerTask !== undefined && (!Number.isInteger(classesPerTask) || classesPerTask < 1)) {
    throw new InputError(
      `Cannot cut ${dataset.name} into tasks: found ${classesPerTask} classes per task, wanted a positive integer`,
    );
  }
  const classes = classesPerTask === undefined ? available : count * classesPerTask;
  if (classes > available) {
    throw new InputError(
      `Cannot cut ${dataset.name} into ${count} tasks of ${classesPerTask} classes: ` +
        `found ${available} classes, wanted ${classes}`,
    );
  }
  if (!Number.isInteger(count) || count < 1 || count > classes) {
    throw new InputError(
      `Cannot cut ${dataset.name} into tasks: found ${count} tasks, wanted an integer from 1 to its ${classes} classes`,
    );
  }
  if (!Number.isSafeInteger(orderSeed)) {
    throw new InputError(`Cannot order the classes: found order seed ${orderSeed}, wanted an integer`);
  }
  const trainOf = indicesByClass(dataset, dataset.train, "training");
  const testOf = indicesByClass(dataset, dataset.test, "test");
  const classOrder = createRng(orderSeed, "class order").shuffle(
    Array.from({ length: available }, (_, c) => c),
  ).slice(0, classes);

  const tasks: StreamTask[] = [];
  for (let index = 0, start = 0; index < count; index++) {
    const end = start + Math.floor(classes / count) + (index < classes % count ? 1 : 0);
    const own = classOrder.slice(start, end);
    const gather = (of: readonly (readonly number[])[]) =>
      Int32Array.from(own.flatMap((label) => of[label]!)).sort();
    tasks.push({ index, classes: own, train: gather(trainOf), test: gather(testOf) });
    start = end;
  }
  const hash = hashJson({
    fingerprint: dataset.fingerprint,
    classOrder,
    tasks: tasks.map((task) => ({
      classes: task.classes,
      train: Array.from(task.train),
      test: Array.from(task.test),
    })),
  });
  return { dataset, tasks, classOrder, orderSeed, ...(classesPerTask && { classesPerTask }), hash };
}

function indicesByClass(dataset: Dataset, split: Split, what: string): number[][] {
  const indices = dataset.classNames.map((): number[] => []);
  split.labels.forEach((label, i) => indices[label]!.push(i));
  const missing = indices.findIndex((own) => own.length === 0);
  if (missing >= 0) {
    throw new InputError(
      `Cannot make a stream of ${dataset.name}: found no ${what} image of class ${missing} ` +
        `(${dataset.classNames[missing]}), wanted at least one`,
    );
  }
  return indices;
}
