/**
 * From records to a comparison: methods against the number of tasks. Records share a section only if data,
 * backbone, backend and settings are equal, and seeds are paired, since every method of a section saw the same
 * streams. Cells that are missing or failed stay visible.
 *
 * @module
 */
import { canonicalJson, type JsonObject } from "../../core/json.ts";
import type { AnyRecord } from "../records/parse.ts";
import { type Cell, seedName } from "../records/record.ts";
import { classOf } from "./classes.ts";
import {
  averagePooledAccuracy,
  averageTaskMeanAccuracy,
  backwardTransfer,
  forgetting,
  plasticity,
  pooledAccuracy,
  taskMeanAccuracy,
} from "./metrics.ts";
import { type Reading, readingOf } from "./reading.ts";
import { bootstrapInterval, summarise, type Summary } from "./statistics.ts";

/** What is summarised over seeds, of finished runs. `undefined` where no record has it. */
export interface Figures {
  /** Class-incremental, over all test images, in the end; not in records of the first edition. */
  readonly pooled: Summary | undefined;
  /** Class-incremental, mean over tasks, in the end. */
  readonly taskMean: Summary | undefined;
  /** Class-incremental, over all test images seen, mean over the stages of the run. */
  readonly averagePooled: Summary | undefined;
  /** Class-incremental, mean over the tasks seen, mean over the stages of the run. */
  readonly averageTaskMean: Summary | undefined;
  /** Of class-incremental accuracy; see `forgetting` of the metrics. */
  readonly forgetting: Summary | undefined;
  /** Of class-incremental accuracy; see `backwardTransfer` of the metrics. */
  readonly backwardTransfer: Summary | undefined;
  /** Class-incremental accuracy of each task right after its training. */
  readonly plasticity: Summary | undefined;
  /** Among the own classes of each task, over all test images, in the end. */
  readonly taskIncrementalPooled: Summary | undefined;
  /** Among the own classes of each task, mean over tasks, in the end. */
  readonly taskIncrementalTaskMean: Summary | undefined;
  /** Share of all test images whose predicted class belongs to the right task. */
  readonly taskInference: Summary | undefined;
  /** Of a whole run: training, the method's own work, evaluation. */
  readonly seconds: Summary | undefined;
  /** Kept by the method after the last task, without the classifier. */
  readonly keptBytes: Summary | undefined;
  /** Bytes of the classifier after the last task. */
  readonly classifierBytes: Summary | undefined;
  /** Floating-point operations of a training step by its images. */
  readonly flopPerTrainingImage: Summary | undefined;
  /** Floating-point operations that score one test image in the end. */
  readonly flopPerTestImage: Summary | undefined;
  /** Forward passes of the backbone for one test image in the end. */
  readonly passesPerTestImage: Summary | undefined;
  /** Bytes that must be there at test time beside the backbone, in the end. */
  readonly deployedBytes: Summary | undefined;
  /** Of the task that trained most. */
  readonly trainedNumbers: Summary | undefined;
}

/** One method at one number of tasks. */
export interface BoardCell extends Figures {
  /** As `BoardSection.methods` names it. */
  readonly method: string;
  /** Number of tasks. */
  readonly tasks: number;
  /** Accuracy in the end by seed, of finished runs: pooled, or the mean over tasks in the first edition. */
  readonly accuracyBySeed: ReadonlyMap<string, number>;
  /** Seeds of runs that diverged. */
  readonly failed: readonly string[];
  /** Seeds that other methods of the section have and this one has not finished. */
  readonly missing: readonly string[];
}

/** HAM, or one variant of it, against the best other continual method at one number of tasks. */
export interface Gap {
  /** Number of tasks. */
  readonly tasks: number;
  /** Which variant of HAM. */
  readonly method: string;
  /** The method that leaves the smallest difference. */
  readonly rival: string;
  /** Paired over the seeds both have. */
  readonly difference: Summary;
  /** 95 % bootstrap interval of the mean difference; `undefined` below three seeds. */
  readonly interval: readonly [number, number] | undefined;
}

/** Records that may be compared. */
export interface BoardSection {
  /** One of the section's; what all share is read from it. */
  readonly cell: Cell;
  /** Numbers of tasks that occur, ascending. */
  readonly tasks: readonly number[];
  /**
   * In order of their first record. A method that appears with several sets of options has each set's difference in
   * its name, such as `ham(keep=0.5)`.
   */
  readonly methods: readonly string[];
  /** Every method at every number of tasks, whether it has records or not. */
  readonly cells: readonly BoardCell[];
  /** By number of tasks. */
  readonly gaps: readonly Gap[];
  /** Number of records in it. */
  readonly records: number;
}

/** Sections of a set of records, in order of their first record. */
export function compare(records: readonly AnyRecord[]): BoardSection[] {
  const sections = Map.groupBy(records.map(readingOf), ({ cell }) => sectionKey(cell));
  return [...sections.values()].map(compareSection);
}

function sectionKey({ edition, dataset, backbone, backend, settings, ...cell }: Cell): string {
  const { classesPerTask, firstTask, taskSizes, classOrder, evaluate } = cell;
  return canonicalJson({
    edition,
    fingerprint: dataset.fingerprint,
    backbone: backbone.hash,
    backend,
    settings,
    stream: [classesPerTask, firstTask, taskSizes, classOrder, evaluate].map((part) => part ?? null),
  });
}

function bySeed({ cell: a }: Reading, { cell: b }: Reading): number {
  return a.orderSeed - b.orderSeed || a.trainSeed - b.trainSeed;
}

/** Names the methods of a section, telling variants apart by the options in which they differ. */
function labeller(records: readonly Reading[]): (cell: Cell) => string {
  const variants = Map.groupBy(records.map(({ cell }) => cell), ({ method }) => method);
  const differing = new Map([...variants].map(([method, cells]) => {
    const options = cells.map((cell) => cell.options);
    const keys = [...new Set(options.flatMap(Object.keys))].sort();
    const texts = (key: string) => new Set(options.map((own) => valueText(own, key)));
    return [method, keys.filter((key) => texts(key).size > 1)] as const;
  }));
  return ({ method, options }) => {
    const parts = differing.get(method)!.map((key) => `${key}=${valueText(options, key)}`);
    return parts.length === 0 ? method : `${method}(${parts.join(", ")})`;
  };
}

function valueText(options: JsonObject, key: string): string {
  const value = options[key] ?? null;
  return typeof value === "string" ? value : canonicalJson(value);
}

function compareSection(unsorted: readonly Reading[]): BoardSection {
  const records = unsorted.toSorted(bySeed);
  const label = labeller(unsorted);
  const tasks = [...new Set(records.map(({ cell }) => cell.tasks))].sort((a, b) => a - b);
  const methods = [...new Set(unsorted.map(({ cell }) => label(cell)))];
  const hams = new Set(records.flatMap(({ cell }) => cell.method === "ham" ? [label(cell)] : []));
  const rivals = new Set(
    records.flatMap(({ cell }) => classOf(cell.method) ? [] : [label(cell)]),
  ).difference(hams);
  const cells = tasks.flatMap((count) => {
    const column = records.filter(({ cell }) => cell.tasks === count);
    const seeds = [...new Set(column.map(({ cell }) => seedName(cell)))];
    return methods.map((method) =>
      compareCell(method, count, column.filter(({ cell }) => label(cell) === method), seeds)
    );
  });
  return {
    cell: unsorted[0]!.cell,
    tasks,
    methods,
    cells,
    gaps: tasks.flatMap((count) => {
      const column = cells.filter((cell) => cell.tasks === count);
      return column.flatMap((cell) => hams.has(cell.method) ? gapOf(cell, column, rivals) ?? [] : []);
    }),
    records: records.length,
  };
}

function compareCell(
  method: string,
  tasks: number,
  records: readonly Reading[],
  seeds: readonly string[],
): BoardCell {
  const done = records.filter(({ status }) => status === "done");
  const failed = records.filter(({ status }) => status === "failed").map(({ cell }) => seedName(cell));
  const accuracyBySeed = new Map(done.map((record) => [seedName(record.cell), accuracyOf(record)] as const));
  return {
    method,
    tasks,
    accuracyBySeed,
    ...figuresOf(done),
    failed,
    missing: seeds.filter((seed) => !accuracyBySeed.has(seed) && !failed.includes(seed)),
  };
}

/** Over all test images where the record tells, else the mean over tasks: one of them for a whole section. */
function accuracyOf({ counts, classIncremental }: Reading): number {
  return (counts ? pooledAccuracy(counts.classIncremental) : taskMeanAccuracy(classIncremental))!;
}

function figuresOf(done: readonly Reading[]): Figures {
  const over = (value: (record: Reading) => number | undefined) =>
    summarise(done.map(value).filter((value) => value !== undefined));
  return {
    pooled: over(({ counts }) => counts && pooledAccuracy(counts.classIncremental)),
    taskMean: over(({ classIncremental }) => taskMeanAccuracy(classIncremental)),
    averagePooled: over(({ counts }) => counts && averagePooledAccuracy(counts.classIncremental)),
    averageTaskMean: over(({ classIncremental }) => averageTaskMeanAccuracy(classIncremental)),
    forgetting: over(({ classIncremental }) => forgetting(classIncremental)),
    backwardTransfer: over(({ classIncremental }) => backwardTransfer(classIncremental)),
    plasticity: over(({ classIncremental }) => plasticity(classIncremental)),
    taskIncrementalPooled: over(({ counts }) => counts && pooledAccuracy(counts.taskIncremental)),
    taskIncrementalTaskMean: over(({ taskIncremental }) => taskMeanAccuracy(taskIncremental)),
    taskInference: over(({ counts }) => counts && pooledAccuracy(counts.taskInference)),
    seconds: over(({ seconds }) => seconds),
    keptBytes: over(({ keptBytes }) => keptBytes?.method),
    classifierBytes: over(({ keptBytes }) => keptBytes?.classifier),
    flopPerTrainingImage: over(({ cost }) => cost?.flopPerTrainingImage),
    flopPerTestImage: over(({ cost }) => cost?.flopPerTestImage),
    passesPerTestImage: over(({ cost }) => cost?.passesPerTestImage),
    deployedBytes: over(({ cost }) => cost?.deployedBytes),
    trainedNumbers: over(({ trainedNumbers }) => trainedNumbers),
  };
}

/** The rival that leaves the smallest mean difference over shared seeds; `undefined` if none shares a seed. */
function gapOf(
  { method, tasks, accuracyBySeed }: BoardCell,
  column: readonly BoardCell[],
  rivals: ReadonlySet<string>,
): Gap | undefined {
  const gaps = column.filter((cell) => rivals.has(cell.method)).flatMap((rival) => {
    const differences = [...accuracyBySeed].flatMap(([seed, accuracy]) => {
      const other = rival.accuracyBySeed.get(seed);
      return other === undefined ? [] : [accuracy - other];
    });
    const difference = summarise(differences);
    return difference ? [{ rival: rival.method, difference, differences }] : [];
  }).sort((a, b) => a.difference.mean - b.difference.mean);
  const [smallest] = gaps;
  if (!smallest) return undefined;
  const { rival, difference, differences } = smallest;
  return { tasks, method, rival, difference, interval: bootstrapInterval(differences) };
}
