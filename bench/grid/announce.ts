/**
 * What a benchmark says before it begins: what will be run, where it goes, how long it takes and how much memory and
 * disk.
 *
 * @module
 */
import { seedName } from "../../src/protocol/mod.ts";
import { loraSites } from "../../src/nn/mod.ts";
import { cellBytes } from "./memory.ts";
import type { LoadedSuite, PlannedCell } from "./plan.ts";
import type { Estimate } from "./run_cells.ts";

/** A plan in figures. */
export interface Plan {
  readonly methods: readonly string[];
  readonly tasks: readonly number[];
  readonly seeds: readonly string[];
  readonly cells: number;
  readonly finished: number;
  readonly data: string;
  readonly images: { readonly train: number; readonly test: number; readonly classes: number };
  readonly backbone: string;
  readonly backend: string;
  readonly jobs: number;
  readonly out: string;
  /** Of all cells that run at a time, at their peak. */
  readonly memoryBytes: number;
  /** Of the records of the cells that wait, and of their adapters if those are kept. */
  readonly diskBytes: number;
}

/** Bytes of a record's first and last line. */
const RECORD_BYTES = 1800;
/** Bytes of a task's line without its lists. */
const TASK_BYTES = 800;
/** Bytes of a number in a list. */
const NUMBER_BYTES = 4;

function recordBytes({ drivers, cell }: PlannedCell, all: number): number {
  const tasks = drivers.length;
  const classes = cell.stream === "domains" ? all * tasks : all;
  const scores = drivers.reduce((sum, { tests, tasks }) => sum + (tests > 0 ? 3 * tasks : 0), 0);
  return RECORD_BYTES + TASK_BYTES * tasks + NUMBER_BYTES * (classes + scores);
}

/** Bytes of the adapters of a cell: one per task and the deployed one, in 32 bits. */
function adapterBytes({ drivers }: PlannedCell, { backbone, settings }: LoadedSuite): number {
  const sites = loraSites(backbone.config, settings.targets);
  const numbers = sites.reduce((sum, { inputs, outputs }) => sum + settings.rank * (inputs + outputs), 0);
  return 4 * numbers * (drivers.length + 1);
}

function distinct<Item>(items: readonly Item[]): Item[] {
  return [...new Set(items)];
}

/** The figures of a plan. */
export function planOf(
  suite: LoadedSuite,
  waiting: readonly PlannedCell[],
  { jobs, out, keepAdapters }: {
    readonly jobs: number;
    readonly out: string;
    readonly keepAdapters: boolean;
  },
): Plan {
  const { cells, dataset, backbone, info, settings, source } = suite;
  const classes = dataset.classNames.length;
  const disk = waiting.map((cell) =>
    recordBytes(cell, classes) + (keepAdapters ? adapterBytes(cell, suite) : 0)
  );
  return {
    methods: distinct(cells.map(({ job }) => job.method)),
    tasks: distinct(cells.map(({ cell }) => cell.tasks)).sort((a, b) => a - b),
    seeds: distinct(cells.map(({ cell }) => seedName(cell))),
    cells: cells.length,
    finished: cells.length - waiting.length,
    data: source.data?.spec ?? dataset.name,
    images: { train: dataset.train.count, test: dataset.test.count, classes },
    backbone: backbone.id,
    backend: info.backend,
    jobs,
    out,
    memoryBytes: Math.min(jobs, waiting.length) * cellBytes(backbone.config, settings.batchSize, dataset),
    diskBytes: disk.reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** How many names are listed before the rest is a number. */
const NAMES = 8;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES).join(", ");
  return names.length > NAMES ? `${shown} and ${names.length - NAMES} more` : shown;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** Bytes for people. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 2 ** (10 * power);
  return `${value < 10 && power > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`;
}

/** A time for people, no more exact than it is known. */
export function aboutText(seconds: number): string {
  if (seconds < 90) return `about ${count(Math.max(1, Math.round(seconds)), "second")}`;
  if (seconds < 90 * 60) return `about ${count(Math.round(seconds / 60), "minute")}`;
  return `about ${(seconds / 3600).toFixed(1)} hours`;
}

/** The plan in some lines. */
export function describePlan(
  { methods, tasks, seeds, data, images, backbone, out, diskBytes, memoryBytes }: Plan,
): string {
  return [
    `  ${count(methods.length, "method")}: ${listed(methods)}`,
    `  T = ${tasks.join(", ")}; seed${seeds.length === 1 ? "" : "s"} ${seeds.join(", ")}`,
    `  ${data}: ${images.classes} classes, ${images.train} training and ${images.test} test images; backbone ${backbone}`,
    `  records go to ${out} (${bytesText(diskBytes)}); up to ${bytesText(memoryBytes)} of memory`,
  ].map((line) => `${line}\n`).join("");
}

/** The estimate in a line, with what it was made of. */
export function describeEstimate(
  { seconds, units }: Estimate,
  { jobs }: Plan,
  { settings }: Pick<LoadedSuite, "settings">,
): string {
  const milliseconds = (value: number) => `${Number((1000 * value).toPrecision(2))} ms`;
  const side = jobs > 1 ? `, ${jobs} at a time` : "";
  return `  ${aboutText(seconds)}, by ${milliseconds(units.step * settings.batchSize)} a training step and ` +
    `${milliseconds(units.forward)} a forward pass, measured just now${side}\n`;
}
