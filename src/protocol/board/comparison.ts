/**
 * From records to a comparison: methods against the number of tasks. Records share a section only if data,
 * backbone, backend and settings are equal, and seeds are paired, since every method of a section saw the same
 * streams. Cells that are missing or failed stay visible.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { canonicalJson, type JsonObject } from "../../core/json.ts";
import { createRng } from "../../core/rng.ts";
import { averageIncrementalAccuracy, finalAccuracy, forgetting } from "./metrics.ts";
import { accuracyMatrix, type Cell, type RunRecord } from "../records/record.ts";

/** Mean and sample standard deviation over seeds; the deviation of one value is `undefined`. */
export interface Summary {
  readonly mean: number;
  readonly deviation: number | undefined;
  readonly n: number;
}

/** One method at one number of tasks. */
export interface BoardCell {
  readonly method: string;
  readonly tasks: number;
  /** Final average accuracy by seed, of finished runs. */
  readonly accuracyBySeed: ReadonlyMap<string, number>;
  readonly accuracy: Summary | undefined;
  readonly averageIncremental: Summary | undefined;
  readonly forgetting: Summary | undefined;
  readonly taskIncremental: Summary | undefined;
  /** Of a whole run: training, the method's own work, evaluation. */
  readonly seconds: Summary | undefined;
  /** Kept by the method after the last task, without the classifier. */
  readonly keptBytes: Summary | undefined;
  /** Seeds of runs that diverged. */
  readonly failed: readonly string[];
  /** Seeds that other methods of the section have and this one has not finished. */
  readonly missing: readonly string[];
}

/** HAM, or one variant of it, against the best other continual method at one number of tasks. */
export interface Gap {
  readonly tasks: number;
  readonly method: string;
  readonly rival: string;
  /** Paired over the seeds both have. */
  readonly difference: Summary;
  /** 95 % bootstrap interval of the mean difference; `undefined` below three seeds. */
  readonly interval: readonly [number, number] | undefined;
}

/** Records that may be compared. */
export interface BoardSection {
  readonly cell: Cell;
  readonly tasks: readonly number[];
  /**
   * In order of their first record. A method that appears with several sets of options has each set's difference in
   * its name, such as `ham(keep=0.5)`.
   */
  readonly methods: readonly string[];
  readonly cells: readonly BoardCell[];
  readonly gaps: readonly Gap[];
  readonly records: number;
}

const BOOTSTRAP_DRAWS = 10_000;

/** Summary of some values, or `undefined` of none. */
export function summarise(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  return {
    mean: mean([...values]),
    deviation: values.length > 1 ? sampleStandardDeviation([...values]) : undefined,
    n: values.length,
  };
}

/** 95 % percentile interval of the mean by resampling, seeded; `undefined` below three values. */
export function bootstrapInterval(values: readonly number[]): readonly [number, number] | undefined {
  if (values.length < 3) return undefined;
  const rng = createRng(0, "bootstrap");
  const means = Array.from(
    { length: BOOTSTRAP_DRAWS },
    () => mean(values.map(() => values[rng.integer(values.length)]!)),
  ).sort((a, b) => a - b);
  return [means[Math.floor(0.025 * BOOTSTRAP_DRAWS)]!, means[Math.ceil(0.975 * BOOTSTRAP_DRAWS) - 1]!];
}

/** Methods that see more than one task at a time: bounds, not rivals. */
const bounds: ReadonlySet<string> = new Set(["joint"]);

/** Sections of a set of records, in order of their first record. */
export function compare(records: readonly RunRecord[]): BoardSection[] {
  const sections = Map.groupBy(records, ({ start }) => sectionKey(start.cell));
  return [...sections.values()].map(compareSection);
}

function sectionKey({ edition, dataset, backbone, backend, settings, classesPerTask }: Cell): string {
  return canonicalJson({
    edition,
    fingerprint: dataset.fingerprint,
    backbone: backbone.hash,
    backend,
    settings,
    classesPerTask: classesPerTask ?? null,
  });
}

function seedOf({ orderSeed, trainSeed }: Cell): string {
  return orderSeed === trainSeed ? `${orderSeed}` : `${orderSeed}/${trainSeed}`;
}

function bySeed({ start: { cell: a } }: RunRecord, { start: { cell: b } }: RunRecord): number {
  return a.orderSeed - b.orderSeed || a.trainSeed - b.trainSeed;
}

/** Names the methods of a section, telling variants apart by the options in which they differ. */
function labeller(records: readonly RunRecord[]): (cell: Cell) => string {
  const variants = Map.groupBy(records.map(({ start }) => start.cell), ({ method }) => method);
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

function compareSection(unsorted: readonly RunRecord[]): BoardSection {
  const records = unsorted.toSorted(bySeed);
  const label = labeller(unsorted);
  const tasks = [...new Set(records.map(({ start }) => start.cell.tasks))].sort((a, b) => a - b);
  const methods = [...new Set(unsorted.map(({ start }) => label(start.cell)))];
  const hams = new Set(
    records.flatMap(({ start: { cell } }) => cell.method === "ham" ? [label(cell)] : []),
  );
  const rivals = new Set(
    records.flatMap(({ start: { cell } }) => bounds.has(cell.method) ? [] : [label(cell)]),
  ).difference(hams);
  const cells = tasks.flatMap((count) => {
    const column = records.filter(({ start }) => start.cell.tasks === count);
    const seeds = [...new Set(column.map(({ start }) => seedOf(start.cell)))];
    return methods.map((method) =>
      compareCell(method, count, column.filter(({ start }) => label(start.cell) === method), seeds)
    );
  });
  return {
    cell: unsorted[0]!.start.cell,
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
  records: readonly RunRecord[],
  seeds: readonly string[],
): BoardCell {
  const done = records.filter(({ end }) => end?.status === "done");
  const failed = records.filter(({ end }) => end?.status === "failed").map(({ start }) => seedOf(start.cell));
  const over = (value: (record: RunRecord) => number | undefined) =>
    summarise(done.map(value).filter((value) => value !== undefined));
  const accuracyBySeed = new Map(
    done.map((record) => [seedOf(record.start.cell), finalAccuracy(accuracyMatrix(record))!] as const),
  );
  return {
    method,
    tasks,
    accuracyBySeed,
    accuracy: summarise([...accuracyBySeed.values()]),
    averageIncremental: over((record) => averageIncrementalAccuracy(accuracyMatrix(record))),
    forgetting: over((record) => forgetting(accuracyMatrix(record))),
    taskIncremental: over((record) => finalAccuracy(accuracyMatrix(record, "taskIncremental"))),
    seconds: over(({ tasks }) =>
      tasks.reduce(
        (total, { seconds }) => total + seconds.train + seconds.method + seconds.evaluate,
        0,
      )
    ),
    keptBytes: over(({ tasks }) => tasks.at(-1)?.keptBytes.method),
    failed,
    missing: seeds.filter((seed) => !accuracyBySeed.has(seed) && !failed.includes(seed)),
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
