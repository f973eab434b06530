/**
 * Whether classes and images of the tasks follow from what the cell says: the order of the classes from its seed alone,
 * the images and the hash of the stream from the data set.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { hashJson } from "../../core/json.ts";
import { createDataset, type Dataset } from "../../data/dataset.ts";
import { createStream, type StreamOptions, type TaskStream } from "../../data/stream.ts";
import type { AnyRecord } from "../records/parse.ts";
import { isEdition1 } from "../records/parse.ts";
import type { Cell, RunRecord, TaskFacts } from "../records/record.ts";
import type { Finding } from "./finding.ts";

const GIVEN = "given:";

/** How the data set of a cell is cut, as far as the cell says: a given order it knows by its hash. */
function cutOf(
  { tasks, orderSeed, stream, classesPerTask, firstTask, taskSizes, classOrder }: Cell,
): StreamOptions {
  return {
    tasks,
    orderSeed,
    ...(stream !== undefined && { stream }),
    ...(classesPerTask !== undefined && { classesPerTask }),
    ...(firstTask !== undefined && { firstTask }),
    ...(taskSizes !== undefined && { taskSizes }),
    ...(classOrder === "numpy" && { order: "numpy" as const }),
  };
}

/** Whether a cell's order of classes was given as a list. */
function isGiven({ classOrder }: Cell): boolean {
  return classOrder?.startsWith(GIVEN) ?? false;
}

/** A data set of so many classes, with one image of one pixel for each in both splits. */
function placeholder(classes: number): Dataset {
  const split = {
    images: new Uint8Array(classes),
    labels: Int32Array.from({ length: classes }, (_, label) => label),
    count: classes,
  };
  const classNames = Array.from({ length: classes }, (_, label) => String(label));
  return createDataset({
    name: "the data set",
    channels: 1,
    height: 1,
    width: 1,
    classNames,
    train: split,
    test: split,
  });
}

/**
 * The stream of a cell on its data set.
 *
 * @param classes Of all tasks, for an order that was given
 * @throws {InputError} If the data set cannot be cut so
 */
export function streamOfCell(dataset: Dataset, cell: Cell, classes: readonly number[]): TaskStream {
  if (!isGiven(cell)) return createStream(dataset, cutOf(cell));
  // Classes that are in no task have no place in the record: any order of them gives the same tasks.
  const used = new Set(classes);
  const order = [...used, ...dataset.classNames.keys().filter((label) => !used.has(label))];
  const stream = createStream(dataset, { ...cutOf(cell), order });
  return { ...stream, cut: { ...stream.cut, classOrder: cell.classOrder! } };
}

/** What the cell alone says about the tasks. */
export function checkSplit(record: AnyRecord): Finding[] {
  const { cell } = record.start;
  const findings: Finding[] = [];
  const add = (line: number, found: string, wanted: string) =>
    findings.push({ check: "split", line, found, wanted });
  // What belongs together only the data set tells.
  const isStructured = cell.stream !== undefined;
  let stream: TaskStream | undefined;
  try {
    if (!isStructured) stream = createStream(placeholder(cell.dataset.classes), cutOf(cell));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    add(1, error.message, "a data set that can be cut so");
    return findings;
  }
  const given = isGiven(cell);
  if (given && cell.orderSeed !== 0) add(1, `order seed ${cell.orderSeed} beside a given order`, "0");
  if (cell.classOrder !== undefined && cell.classOrder !== "numpy" && !given) {
    add(1, `class order ${cell.classOrder}`, `numpy or ${GIVEN} and a hash`);
  }
  const isDomains = cell.stream === "domains";
  const seen = new Set<number>();
  const conditions = new Set<string>();
  for (const { index, classes, families, condition } of tasksOf(record)) {
    if (isStructured !== (families !== undefined)) {
      add(index + 2, families ? `families ${families}` : "no families", isStructured ? "some" : "none");
    }
    const wanted = isStructured ? classes : stream!.tasks[index]?.classes;
    if (!wanted) continue;
    if (given ? wanted.length !== classes.length : wanted.join() !== classes.join()) {
      const expected = given ? `${wanted.length} classes` : `${wanted}, which follow from the seed`;
      add(index + 2, `classes ${classes}`, expected);
    }
    if (isDomains !== (condition !== undefined)) {
      add(index + 2, isDomains ? "no condition" : `condition ${condition}`, isDomains ? "one" : "none");
    }
    if (condition !== undefined && conditions.has(condition)) {
      add(index + 2, `condition ${condition} a second time`, "every condition once");
    }
    if (condition !== undefined) conditions.add(condition);
    // Of domains every task has all classes.
    if (isDomains) seen.clear();
    for (const label of classes) {
      if (label >= cell.dataset.classes) add(index + 2, `class ${label}`, `one of ${cell.dataset.classes}`);
      if (seen.has(label)) add(index + 2, `class ${label} a second time`, "every class once");
      seen.add(label);
    }
    if (isDomains && seen.size !== cell.dataset.classes) {
      add(index + 2, `${seen.size} classes`, `all ${cell.dataset.classes}`);
    }
  }
  if (given && findings.length === 0 && seen.size === cell.dataset.classes) {
    const wanted = `${GIVEN}${hashJson([...seen]).slice(0, 8)}`;
    if (cell.classOrder !== wanted) {
      add(1, `class order ${cell.classOrder}`, `${wanted}, as the tasks have it`);
    }
  }
  if (isEdition1(record)) return findings;
  return [...findings, ...(isDomains ? checkDomainSums(record) : checkSums(record, seen))];
}

/** Classes of the tasks, what they were drawn from, and under what they were seen. */
function tasksOf(
  record: AnyRecord,
): readonly Pick<TaskFacts, "index" | "classes" | "families" | "condition">[] {
  return record.tasks;
}

/** Images of domains: all test images in every task, and every training image in some. */
function checkDomainSums({ start: { cell }, tasks }: RunRecord): Finding[] {
  const { classes, train, test } = cell.dataset;
  const findings: Finding[] = tasks.filter(({ images }) => images.test !== test).map(({ index, images }) => ({
    check: "split",
    line: index + 2,
    found: `${images.test} test images`,
    wanted: `the ${test} of the data set`,
  }));
  const sum = tasks.reduce((total, { images }) => total + images.train, 0);
  // A class with fewer images than tasks gives one to each task; then some are seen more than once.
  const most = train + classes * cell.tasks;
  if (sum > most || (tasks.length === cell.tasks && sum < train)) {
    const found = `${sum} train images in all tasks`;
    findings.push({ check: "split", found, wanted: `${train} to ${most}` });
  }
  return findings;
}

/** Images of all tasks against those of the data set. */
function checkSums(
  { start: { cell }, tasks }: RunRecord,
  seen: ReadonlySet<number>,
): Finding[] {
  const isWhole = seen.size === cell.dataset.classes;
  return (["train", "test"] as const).flatMap((split): Finding[] => {
    const sum = tasks.reduce((total, { images }) => total + images[split], 0);
    const all = cell.dataset[split];
    if (isWhole ? sum === all : sum <= all - (cell.dataset.classes - seen.size)) return [];
    const wanted = isWhole ? `the ${all} of the data set` : `fewer than the ${all} of all classes`;
    return [{ check: "split", found: `${sum} ${split} images in all tasks`, wanted }];
  });
}

/** Streams that were cut before, by what they depend on: records of all methods share them. */
export type KnownStreams = Map<string, TaskStream>;

function knownStream(dataset: Dataset, record: AnyRecord, known: KnownStreams): TaskStream {
  const { cell } = record.start;
  const classes = record.tasks.flatMap(({ classes }) => classes);
  const key = hashJson([dataset.fingerprint, { ...cutOf(cell) }, isGiven(cell) ? classes : null]);
  const stream = known.get(key) ?? streamOfCell(dataset, cell, classes);
  known.set(key, stream);
  return stream;
}

/** What the data set says about the tasks. */
export function checkStream(record: AnyRecord, dataset: Dataset, known: KnownStreams): Finding[] {
  const { cell } = record.start;
  const findings: Finding[] = [];
  const add = (line: number, found: string, wanted: string) =>
    findings.push({ check: "split", line, found, wanted });
  const { classNames, train, test, fingerprint } = dataset;
  if (fingerprint !== cell.dataset.fingerprint) {
    add(1, `data set ${cell.dataset.fingerprint}`, `${fingerprint}, which is what the source gives`);
    return findings;
  }
  const counts = { classes: classNames.length, train: train.count, test: test.count };
  for (const [what, wanted] of Object.entries(counts)) {
    const found = cell.dataset[what as keyof typeof counts];
    if (found !== wanted) add(1, `${found} of ${what} in the data set`, `${wanted}`);
  }
  if (findings.length > 0) return findings;
  let stream: TaskStream;
  try {
    stream = knownStream(dataset, record, known);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    add(1, error.message, "a data set that can be cut so");
    return findings;
  }
  const isKnown = !isGiven(cell) || record.tasks.length === cell.tasks;
  if (isKnown && stream.hash !== cell.streamHash) {
    add(1, `stream ${cell.streamHash}`, `${stream.hash}, which follows from data and seed`);
  }
  if (isEdition1(record)) return findings;
  record.tasks.forEach(({ index, images, classes, condition }) => {
    const task = stream.tasks[index];
    if (task && condition !== task.condition) {
      add(index + 2, `condition ${condition}`, `${task.condition}, which follows from the seed`);
    }
    if (task?.condition !== undefined && classes.join() !== task.classes.join()) {
      add(index + 2, `classes ${classes}`, `${task.classes}, which follow from the seed`);
    }
    if (task && record.tasks[index]!.families?.join("\n") !== task.families?.join("\n")) {
      add(index + 2, `families ${record.tasks[index]!.families}`, `${task.families}`);
    }
    for (const split of ["train", "test"] as const) {
      const wanted = task?.[split].length;
      if (wanted !== undefined && images[split] !== wanted) {
        add(index + 2, `${images[split]} ${split} images`, `${wanted}`);
      }
    }
  });
  return findings;
}
