/**
 * What the page calls the figures of a board, and how their values read.
 *
 * @module
 */
import type { BoardEntry, Estimate } from "../../../src/protocol/mod.ts";
import type { FigureName } from "../../../src/protocol/mod.ts";

/** A figure, or the share of the gap between floor and bound that is closed. */
export type MetricName = FigureName | "gapClosed";

/** How a value is written. */
export type Unit = "percent" | "points" | "change" | "index" | "mean" | "seconds" | "bytes" | "count";

/** A metric. */
export interface Metric {
  /** As hashes of addresses name it. */
  readonly name: MetricName;
  /** Heading of a column. */
  readonly short: string;
  /** Title of a plot. */
  readonly long: string;
  /** Of its values. */
  readonly unit: Unit;
  /** Which end of the scale is the good one. */
  readonly better: "more" | "less";
}

function metric(
  name: MetricName,
  short: string,
  long: string,
  unit: Unit,
  better: Metric["better"] = "more",
): Metric {
  return { name, short, long, unit, better };
}

/** All of them, in the order in which people choose. */
export const metrics: readonly Metric[] = [
  metric("pooled", "Accuracy", "Accuracy in the end, all test images", "percent"),
  metric("taskMean", "Task mean", "Accuracy in the end, mean over tasks", "percent"),
  metric("averagePooled", "Average", "Accuracy so far, mean over stages", "percent"),
  metric("averageTaskMean", "Average task mean", "Accuracy over tasks so far, mean over stages", "percent"),
  metric("forgetting", "Forgetting", "Forgetting", "points", "less"),
  metric("backwardTransfer", "Transfer", "Backward transfer", "points"),
  metric("plasticity", "Plasticity", "Accuracy of each task right after its training", "percent"),
  metric(
    "taskIncrementalPooled",
    "Task known",
    "Accuracy when the task is known, all test images",
    "percent",
  ),
  metric(
    "taskIncrementalTaskMean",
    "Task known, mean",
    "Accuracy when the task is known, task mean",
    "percent",
  ),
  metric("taskInference", "Task found", "Test images sent to the right task", "percent"),
  metric("groups", "Groups", "Groups of tasks that the method made", "mean"),
  metric("familyAgreement", "Families found", "Groups against families, adjusted Rand index", "index"),
  metric(
    "familyTransfer",
    "Family transfer",
    "Gain of a family's later tasks on its first, task known",
    "points",
  ),
  metric("relatedChange", "Related", "Change of a task by a later one of its family, task known", "change"),
  metric(
    "interference",
    "Interference",
    "Loss of a task by a later one of no family of its, task known",
    "change",
    "less",
  ),
  metric("gapClosed", "Gap closed", "Gap between floor and bound closed", "percent"),
  metric("seconds", "Seconds", "Seconds of a whole run", "seconds", "less"),
  metric("keptBytes", "Kept", "Bytes kept by the method, without the classifier", "bytes", "less"),
  metric("classifierBytes", "Classifier", "Bytes of the classifier", "bytes", "less"),
  metric("flopPerTrainingImage", "FLOP, train", "FLOP per training image", "count", "less"),
  metric("flopPerTestImage", "FLOP, test", "FLOP per test image", "count", "less"),
  metric("passesPerTestImage", "Passes", "Backbone passes per test image", "count", "less"),
  metric("deployedBytes", "Deployed", "Bytes at test time beside the backbone", "bytes", "less"),
  metric("trainedNumbers", "Trained", "Numbers trained in a task", "count", "less"),
];

/** Those that tell of a stream with families, in columns of its tables. */
export const familyMetrics: readonly MetricName[] = [
  "groups",
  "familyAgreement",
  "familyTransfer",
  "relatedChange",
  "interference",
];

/** Whether a metric is a cost: its values differ by orders of magnitude. */
export function isCost({ unit }: Metric): boolean {
  return unit === "seconds" || unit === "bytes" || unit === "count";
}

/** The metric of a name, if there is one. */
export function metricNamed(name: string): Metric | undefined {
  return metrics.find((metric) => metric.name === name);
}

/** What an entry has for a metric. */
export function estimateOf(entry: BoardEntry, name: MetricName): Estimate | undefined {
  return name === "gapClosed" ? entry.gapClosed : entry.figures[name];
}

/** A value with its unit, such as `41.3 %`, `2.5 MiB`, `340 M`. */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case "percent":
      return `${tenths(100 * value)} %`;
    case "points":
      return tenths(100 * value);
    case "change":
      return decimal(100 * value, 2);
    case "index":
      return decimal(value, 2);
    case "mean":
      return decimal(value, 1).replace(/\.0$/, "");
    case "seconds":
      return value < 100
        ? `${threeDigits(value)} s`
        : value < 7200
        ? `${threeDigits(value / 60)} min`
        : `${threeDigits(value / 3600)} h`;
    case "bytes":
      return inUnits(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
    case "count":
      return inUnits(value, 1000, ["", "k", "M", "G", "T", "P"]);
  }
}

/** A value without the sign of percent, for columns and intervals. */
export function formatBare(value: number, unit: Unit): string {
  return unit === "percent" ? tenths(100 * value) : formatValue(value, unit);
}

/** A value beside a tick of an axis whose title says the unit. */
export function formatTick(value: number, unit: Unit): string {
  return formatBare(value, unit).replace(/\.0+(?=$| )/, "");
}

/** A difference of shares in points, with its sign. */
export function formatPoints(value: number): string {
  const text = tenths(100 * value);
  return value > 0 && text !== "0.0" ? `+${text}` : text;
}

/** What is known of a mean beside it: its interval, else its deviation. */
export function formatSpread(estimate: Estimate, unit: Unit): string {
  const write = (value: number) => formatBare(value, unit);
  if (estimate.interval) return `[${estimate.interval.map(write).join(", ")}]`;
  return estimate.deviation === undefined ? "" : `± ${write(estimate.deviation)}`;
}

/** A difference with its interval or deviation and number of pairs, such as `+1.2 [+0.3, +2.0], n = 5`. */
export function formatDifference({ mean, deviation, interval, n }: Estimate): string {
  const spread = interval
    ? ` [${interval.map(formatPoints).join(", ")}]`
    : deviation === undefined
    ? ""
    : ` ± ${tenths(100 * deviation)}`;
  return `${formatPoints(mean)}${spread}, n = ${n}`;
}

/** A p value after its name: `= 0.25`, `< 0.001`. */
export function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : `= ${Number(p.toPrecision(2))}`;
}

function tenths(value: number): string {
  return decimal(value, 1);
}

/** With a proper minus, and none before zero. */
function decimal(value: number, digits: number): string {
  return value.toFixed(digits).replace(/^-(0\.0+)$/, "$1").replace("-", "−");
}

function threeDigits(value: number): string {
  return value >= 100 || Number.isInteger(value)
    ? value.toFixed(0)
    : value >= 10
    ? value.toFixed(1)
    : value.toFixed(2);
}

function inUnits(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${threeDigits(value)} ${units[unit]}`.trimEnd();
}
