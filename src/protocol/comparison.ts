/**
 * From records to a comparison: methods against the number of tasks. Records share a section only if data,
 * backbone, backend and settings are equal, and seeds are paired, since every method of a section saw the same
 * streams. Cells that are missing or failed stay visible.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { canonicalJson, hashJson } from "../core/json.ts";
import { createRng } from "../core/rng.ts";
import { averageIncrementalAccuracy, finalAccuracy, forgetting } from "./metrics.ts";
import { accuracyMatrix, type Cell, type RunRecord } from "./record.ts";

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

/** HAM against the best other continual method at one number of tasks. */
export interface Gap {
  readonly tasks: number;
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
  /** In order of their first appearance in `order`, then by name. */
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
const bounds: readonly string[] = ["joint"];

/** Sections of a set of records, in order of their first record. */
export function compare(records: readonly RunRecord[]): BoardSection[] {
  const sections = Map.groupBy(records, ({ start }) => sectionKey(start.cell));
  return [...sections.values()].map(compareSection);
}

function sectionKey({ edition, dataset, backbone, backend, settings }: Cell): string {
  return canonicalJson({
    edition,
    fingerprint: dataset.fingerprint,
    backbone: backbone.hash,
    backend,
    settings,
  });
}

function seedOf({ orderSeed, trainSeed }: Cell): string {
  return orderSeed === trainSeed ? `${orderSeed}` : `${orderSeed}/${trainSeed}`;
}

/** Name of a method in a section: with a short hash of its options where it appears with several sets of them. */
function labeller(records: readonly RunRecord[]): (cell: Cell) => string {
  const variants = new Map<string, Set<string>>();
  for (const { start: { cell } } of records) {
    const known = variants.get(cell.method) ?? new Set();
    variants.set(cell.method, known.add(canonicalJson(cell.options)));
  }
  return ({ method, options }) =>
    variants.get(method)!.size > 1 ? `${method}#${hashJson(options).slice(0, 4)}` : method;
}

function compareSection(records: readonly RunRecord[]): BoardSection {
  const label = labeller(records);
  const tasks = [...new Set(records.map(({ start }) => start.cell.tasks))].sort((a, b) => a - b);
  const methods = [...new Set(records.map(({ start }) => label(start.cell)))];
  const cells = tasks.flatMap((count) => {
    const column = records.filter(({ start }) => start.cell.tasks === count);
    const seeds = [...new Set(column.map(({ start }) => seedOf(start.cell)))].sort();
    return methods.map((method) =>
      compareCell(method, count, column.filter(({ start }) => label(start.cell) === method), seeds)
    );
  });
  return {
    cell: records[0]!.start.cell,
    tasks,
    methods,
    cells,
    gaps: tasks.flatMap((count) => gapOf(cells.filter((cell) => cell.tasks === count)) ?? []),
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

/** HAM (with default options, if it appears with several) against the best mean of the others. */
function gapOf(column: readonly BoardCell[]): Gap | undefined {
  const ham = column.find(({ method, accuracy }) => /^ham(#|$)/.test(method) && accuracy);
  const rivals = column.filter(({ method, accuracy }) =>
    accuracy && !/^ham(#|$)/.test(method) && !bounds.includes(method)
  );
  if (!ham || rivals.length === 0) return undefined;
  const rival = rivals.reduce((best, cell) => cell.accuracy!.mean > best.accuracy!.mean ? cell : best);
  const differences = [...ham.accuracyBySeed].flatMap(([seed, accuracy]) => {
    const other = rival.accuracyBySeed.get(seed);
    return other === undefined ? [] : [accuracy - other];
  });
  const difference = summarise(differences);
  if (!difference) return undefined;
  return { tasks: ham.tasks, rival: rival.method, difference, interval: bootstrapInterval(differences) };
}
