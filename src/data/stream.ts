/**
 * Class-incremental streams: the classes of a data set in a seeded order, cut into consecutive tasks; and
 * domain-incremental ones, in which all classes come again under other conditions. Everything that decides what a
 * method sees, and in which order, is in the stream's hash.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { hashJson } from "../core/json.ts";
import { createRng } from "../core/rng.ts";
import { numpyPermutation, orderOf } from "./class_order.ts";
import type { Dataset, Split } from "./dataset.ts";
import { domainTasks } from "./domains.ts";
import { arrange, type Arrangement, type Block } from "./structure.ts";

/** One task: its classes and its images. Tasks share neither, but for those of domains, which share all classes. */
export interface StreamTask {
  /** Position in the stream, from 0. */
  readonly index: number;
  /** Class numbers of the data set, in stream order. */
  readonly classes: readonly number[];
  /** What its classes were drawn from, in streams with structure: families, or data sets; of domains that of the condition. */
  readonly families?: readonly string[];
  /** Name of the condition under which its images are seen, training and test; absent where they are seen as they are. */
  readonly condition?: string;
  /** Ascending indices into `dataset.train`. */
  readonly train: Int32Array;
  /** Ascending indices into `dataset.test`. */
  readonly test: Int32Array;
}

/** How a stream was cut, where it was not the plain way: all classes, shuffled by us and dealt out evenly. */
export interface StreamCut {
  /** What tasks have in common, if asked for. */
  readonly stream?: StructuredStream;
  /** Classes of each task, if asked for. */
  readonly classesPerTask?: number;
  /** Classes of the first task, if asked for. */
  readonly firstTask?: number;
  /** Classes of every task, if asked for. */
  readonly taskSizes?: readonly number[];
  /** `"numpy"`, or `"given:"` and the beginning of the order's hash. */
  readonly classOrder?: string;
}

/**
 * What tasks have in common: `classes` come at random; `families` stay together; `recurring` families come back; `mixed`
 * data sets follow one another; `domains` are the same classes under changing conditions.
 */
export const streamKinds = ["classes", "families", "recurring", "mixed", "domains"] as const;
/** What the tasks of a stream have in common. */
export type StreamKind = typeof streamKinds[number];
/** Those in which tasks have something in common. */
export const structuredStreams = [
  "families",
  "recurring",
  "mixed",
  "domains",
] as const satisfies readonly StreamKind[];
/** One of them. */
export type StructuredStream = typeof structuredStreams[number];

/** A data set cut into tasks. */
export interface TaskStream {
  /** The data set that is cut. */
  readonly dataset: Dataset;
  /** In the order they arrive. */
  readonly tasks: readonly StreamTask[];
  /** The class numbers in the order they arrive: all of the data set's, unless tasks have sizes of their own. */
  readonly classOrder: readonly number[];
  /** 0 where the order was given. */
  readonly orderSeed: number;
  /** What was asked for beside the number of tasks. */
  readonly cut: StreamCut;
  /** SHA-256 of the canonical JSON of fingerprint, class order and every task's classes, condition and indices. */
  readonly hash: string;
}

/** How to cut a data set into tasks. */
export interface StreamOptions {
  /** Number of tasks. It need not divide the number of classes: earlier tasks then get one class more. */
  readonly tasks: number;
  /** Seed of the class order. */
  readonly orderSeed: number;
  /**
   * Classes of each task. The first `tasks * classesPerTask` of the ordered classes then take part, so that streams
   * of growing length begin with the same tasks.
   */
  readonly classesPerTask?: number;
  /** Classes of the first task, as in "B50"; the others get what `classesPerTask` says, or share the rest. */
  readonly firstTask?: number;
  /** Classes of every task, as many as there are tasks; excludes the two above. */
  readonly taskSizes?: readonly number[];
  /**
   * What tasks have in common; `"classes"`, at random, by default. See `arrange` and `domainTasks` for how the others are
   * made.
   */
  readonly stream?: StreamKind;
  /** NumPy's shuffle with `orderSeed`, or all class numbers in their order; our own shuffle by default. */
  readonly order?: "numpy" | readonly number[];
}

/**
 * Orders the classes and cuts them into `tasks` runs: all of them into runs whose sizes differ by at most one, or the
 * first into runs of given sizes.
 *
 * @throws {InputError} If there are too few classes, options exclude one another, or a class lacks training or test
 * images
 */
export function createStream(dataset: Dataset, options: StreamOptions): TaskStream {
  const { orderSeed, classesPerTask, firstTask, taskSizes, order } = options;
  const stream = options.stream === "classes" ? undefined : options.stream;
  if (!Number.isSafeInteger(orderSeed)) {
    throw new InputError(`Cannot order the classes: found order seed ${orderSeed}, wanted an integer`);
  }
  const trainOf = indicesByClass(dataset, dataset.train, "training");
  const testOf = indicesByClass(dataset, dataset.test, "test");
  const whole = orderedClasses(dataset, orderSeed, order);
  const gather = (of: readonly (readonly number[])[], own: readonly number[]) =>
    Int32Array.from(own.flatMap((label) => of[label]!)).sort();
  const parts = stream === "domains"
    ? domainTasks(dataset, { ...options, classes: whole, train: trainOf })
    : (stream ? structuredRuns(dataset, whole, stream, options) : plainRuns(dataset, whole, options)).map(
      ({ classes, families }) => ({
        classes,
        ...(families && { families }),
        train: gather(trainOf, classes),
        test: gather(testOf, classes),
      }),
    );
  const tasks = parts.map((part, index): StreamTask => ({ index, ...part }));
  const classOrder = [...new Set(tasks.flatMap(({ classes }) => classes))];
  const hash = hashJson({
    fingerprint: dataset.fingerprint,
    classOrder,
    tasks: tasks.map(({ classes, condition, train, test }) => ({
      classes,
      ...(condition !== undefined && { condition }),
      train: Array.from(train),
      test: Array.from(test),
    })),
  });
  const isGiven = order !== undefined && order !== "numpy";
  const cut: StreamCut = {
    ...(stream !== undefined && { stream }),
    ...(classesPerTask !== undefined && { classesPerTask }),
    ...(firstTask !== undefined && { firstTask }),
    ...(taskSizes !== undefined && { taskSizes }),
    ...(order !== undefined && { classOrder: isGiven ? `given:${hashJson(order).slice(0, 8)}` : order }),
  };
  return { dataset, tasks, classOrder, orderSeed: isGiven ? 0 : orderSeed, cut, hash };
}

/** Whether classes of earlier tasks come again in later ones. */
export function classesReturn({ tasks, classOrder }: Pick<TaskStream, "tasks" | "classOrder">): boolean {
  return tasks.reduce((sum, { classes }) => sum + classes.length, 0) > classOrder.length;
}

/** All class numbers in the order they arrive. */
function orderedClasses(dataset: Dataset, seed: number, order: StreamOptions["order"]): readonly number[] {
  const count = dataset.classNames.length;
  if (order === "numpy") return numpyPermutation(count, seed);
  if (order !== undefined) return orderOf(dataset, order.map(String), "numbers");
  return createRng(seed, "class order").shuffle(Array.from({ length: count }, (_, c) => c));
}

/** The classes of each task, and what they have in common. */
type Run = Pick<Block, "classes"> & Partial<Block>;

function plainRuns(dataset: Dataset, whole: readonly number[], options: StreamOptions): Run[] {
  let start = 0;
  return sizesOf(dataset, options).map((size) => ({ classes: whole.slice(start, start += size) }));
}

function structuredRuns(
  dataset: Dataset,
  whole: readonly number[],
  kind: Arrangement,
  { tasks, orderSeed, classesPerTask, firstTask, taskSizes, order }: StreamOptions,
): Run[] {
  const { name, families, origins } = dataset;
  const fail = (found: string, wanted: string): never => {
    throw new InputError(
      `Cannot cut ${name} into tasks of a stream "${kind}": found ${found}, wanted ${wanted}`,
    );
  };
  if (!Number.isInteger(tasks) || tasks < 1) fail(`${tasks} tasks`, "a positive integer");
  if (classesPerTask !== undefined && (!Number.isInteger(classesPerTask) || classesPerTask < 1)) {
    fail(`${classesPerTask} classes per task`, "a positive integer");
  }
  if ((firstTask ?? taskSizes) !== undefined) {
    fail("sizes of single tasks", "none, since they follow from what tasks have in common");
  }
  const groups = kind === "mixed"
    ? origins ?? fail("one data set", "several, such as --data cifar100:PATH+omniglot:PATH")
    : families ?? fail("no families of its classes", "data that tell them");
  const blocks = [...Map.groupBy(whole, (label) => groups[label]!)].map(([family, classes]): Block => ({
    families: [family],
    classes,
  }));
  const place = (block: Block) => kind === "mixed" ? groups.indexOf(block.families[0]!) : 0;
  // Families in an order of their own, since large ones would tend to come first; unless the order of classes was given.
  const ordered = kind === "mixed"
    ? blocks.sort((a, b) => place(a) - place(b))
    : order === undefined
    ? createRng(orderSeed, "family order").shuffle(
      blocks.sort((a, b) => a.families[0]! < b.families[0]! ? -1 : 1),
    )
    : blocks;
  return arrange(kind, ordered, { name, tasks, ...(classesPerTask !== undefined && { classesPerTask }) });
}

/** Numbers of classes of the tasks. */
function sizesOf({ name, classNames }: Dataset, options: StreamOptions): number[] {
  const { tasks: count, classesPerTask, firstTask, taskSizes } = options;
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot cut ${name} into tasks: found ${found}, wanted ${wanted}`);
  };
  const available = classNames.length;
  const check = (size: number | undefined, what: string) => {
    if (size !== undefined && (!Number.isInteger(size) || size < 1)) {
      fail(`${size} classes ${what}`, "a positive integer");
    }
  };
  check(classesPerTask, "per task");
  check(firstTask, "in the first task");
  taskSizes?.forEach((size, index) => check(size, `in task ${index}`));
  if (taskSizes && (classesPerTask ?? firstTask) !== undefined) {
    fail("sizes of all tasks and further sizes", "either the one or the other");
  }
  if (taskSizes && taskSizes.length !== count) {
    fail(`${taskSizes.length} sizes`, `one for each of ${count} tasks`);
  }
  const sharesRest = !classesPerTask && !taskSizes;
  if (!Number.isInteger(count) || count < 1 || (sharesRest && count > available)) {
    fail(`${count} tasks`, `an integer from 1 to its ${available} classes`);
  }
  const first = firstTask ?? 0;
  if (firstTask !== undefined && sharesRest && (count < 2 || count - 1 > available - first)) {
    fail(
      `${count} tasks with ${first} classes in the first`,
      `at least one further task, and a class of its ${available} for each`,
    );
  }
  const sizes = taskSizes ? [...taskSizes] : [
    ...(firstTask === undefined ? [] : [firstTask]),
    ...dealt(count - (firstTask === undefined ? 0 : 1), classesPerTask, available - first),
  ];
  const wanted = sizes.reduce((sum, size) => sum + size, 0);
  if (wanted > available) {
    throw new InputError(
      `Cannot cut ${name} into ${count} tasks of ${classesPerTask ?? sizes.join(", ")} classes: ` +
        `found ${available} classes, wanted ${wanted}`,
    );
  }
  return sizes;
}

/** Sizes of so many tasks: equal ones, or such that their sum is the number of classes. */
function dealt(count: number, size: number | undefined, classes: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => size ?? Math.floor(classes / count) + (i < classes % count ? 1 : 0),
  );
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
