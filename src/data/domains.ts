/**
 * Streams of domains: every task has all classes, and shows them under a condition of its own.
 *
 * Training images are new in every task, as in the new-instances streams of CORe50 (Lomonaco and Maltoni, arXiv
 * 1705.03550): those of a class are dealt out, so that all tasks together have as many as the data set. Every task is
 * tested on all test images under its condition, as with CIFAR-10-C.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { createRng } from "../core/rng.ts";
import { conditionsFor, drawConditions } from "./conditions/conditions.ts";
import type { Dataset } from "./dataset.ts";

/** A task of such a stream. */
export interface DomainTask {
  /** All of them, in stream order. */
  readonly classes: readonly number[];
  /** What its condition is of. */
  readonly families: readonly string[];
  /** Name of what its images go through. */
  readonly condition: string;
  /** Ascending. */
  readonly train: Int32Array;
  /** Ascending: all. */
  readonly test: Int32Array;
}

/** What is cut, and what was asked for. */
export interface DomainOptions {
  readonly tasks: number;
  /** Seed of the conditions, and of how images are dealt. */
  readonly orderSeed: number;
  /** All classes in stream order. */
  readonly classes: readonly number[];
  /** Training images of each class. */
  readonly train: readonly (readonly number[])[];
  /** What says which classes a task has, and is refused. */
  readonly classesPerTask?: number;
  readonly firstTask?: number;
  readonly taskSizes?: readonly number[];
  readonly order?: unknown;
}

/**
 * The tasks: conditions without repetition, and the training images of each class dealt out to all tasks, in numbers that
 * differ by at most one. A class with fewer images than there are tasks gives one to each task, taking turns: it then
 * comes back under another condition. Streams of all lengths begin with the same conditions.
 *
 * @throws {InputError} If there are not so many conditions, or tasks are to have classes of their own
 */
export function domainTasks(dataset: Dataset, options: DomainOptions): DomainTask[] {
  checkOptions(dataset, options);
  const { tasks, orderSeed: seed, classes, train } = options;
  const conditions = drawConditions(dataset, createRng(seed, "conditions"));
  const dealt = Array.from({ length: tasks }, (): number[] => []);
  for (const label of classes) {
    const rng = createRng(seed, `images of ${label}`);
    const images = rng.shuffle(train[label]!);
    // Classes begin at different tasks, so that what is over does not go to the same ones.
    const first = rng.integer(tasks);
    for (let i = 0; i < Math.max(images.length, tasks); i++) {
      dealt[(first + i) % tasks]!.push(images[i % images.length]!);
    }
  }
  const test = Int32Array.from({ length: dataset.test.count }, (_, i) => i);
  return dealt.map((images, task) => ({
    classes,
    families: [conditions[task]!.family],
    condition: conditions[task]!.name,
    train: Int32Array.from(images).sort(),
    test,
  }));
}

function checkOptions(dataset: Dataset, options: DomainOptions): void {
  const { tasks, classesPerTask, firstTask, taskSizes, order } = options;
  const fail = (found: string, wanted: string): never => {
    throw new InputError(
      `Cannot cut ${dataset.name} into tasks of a stream "domains": found ${found}, wanted ${wanted}`,
    );
  };
  const all = "none, since every task has all classes";
  if (classesPerTask !== undefined) fail(`${classesPerTask} classes per task`, all);
  if ((firstTask ?? taskSizes) !== undefined) fail("sizes of single tasks", all);
  if (order !== undefined) fail("an order of the classes", all);
  const most = conditionsFor(dataset).flat().length;
  if (!Number.isInteger(tasks) || tasks < 1 || tasks > most) {
    fail(`${tasks} tasks`, `an integer from 1 to the ${most} conditions that there are for its images`);
  }
}
