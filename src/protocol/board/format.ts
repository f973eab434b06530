/**
 * Figures and names as people read them, the same in every table.
 *
 * @module
 */
import type { Cell } from "../records/record.ts";
import type { ProtocolSettings } from "../settings.ts";
import type { BoardCell, BoardSection, Gap } from "./comparison.ts";
import type { Summary } from "./statistics.ts";

/** A share as a percentage, with its deviation where there is one: `41.3 ± 0.8`. */
export function formatPercent(summary: Summary | undefined): string {
  if (!summary) return "–";
  const points = (value: number) => (100 * value).toFixed(1).replace("-", "−");
  const spread = summary.deviation === undefined ? "" : ` ± ${points(summary.deviation)}`;
  return `${points(summary.mean)}${spread}`;
}

/** Seconds, to the tenth below ten. */
export function formatSeconds(summary: Summary | undefined): string {
  if (!summary) return "–";
  return summary.mean < 10 ? summary.mean.toFixed(1) : summary.mean.toFixed(0);
}

/** A value in a unit that keeps three digits or fewer before the point. */
function inUnits(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`.trimEnd();
}

/** Bytes in a unit that keeps three digits or fewer. */
export function formatBytes(summary: Summary | undefined): string {
  return summary ? inUnits(summary.mean, 1024, ["B", "KiB", "MiB", "GiB"]) : "–";
}

/** A count such as `2.5 M`. */
export function formatCount(summary: Summary | undefined): string {
  return summary ? inUnits(summary.mean, 1000, ["", "k", "M", "G", "T", "P"]) : "–";
}

/** What stands in a cell that has no or not all results. */
export function remarks({ failed, missing }: BoardCell): string {
  return [
    failed.length > 0 ? `failed: seed ${failed.join(", ")}` : "",
    missing.length > 0 ? `missing: seed ${missing.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

/** The cell of a method and a number of tasks. */
export function cellOf(section: BoardSection, method: string, tasks: number): BoardCell {
  return section.cells.find((cell) => cell.method === method && cell.tasks === tasks)!;
}

/** Difference in points with its 95 % interval, or its deviation where seeds are too few; rival and seeds. */
export function formatGap({ difference, interval, rival }: Gap): string {
  const points = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)}`;
  const { mean, deviation, n } = difference;
  const spread = interval
    ? ` [${points(interval[0])}, ${points(interval[1])}]`
    : deviation === undefined
    ? ""
    : ` ± ${(100 * deviation).toFixed(1)}`;
  return `${points(mean)}${spread} (${rival}, n=${n})`;
}

/** One row for each variant of HAM that has rivals: its name and, for each number of tasks, its gap or a dash. */
export function gapRows(
  { gaps, tasks }: BoardSection,
): { readonly name: string; readonly cells: string[] }[] {
  return [...new Set(gaps.map(({ method }) => method))].map((method) => ({
    name: `${method} − best other`,
    cells: tasks.map((count) => {
      const gap = gaps.find((candidate) => candidate.method === method && candidate.tasks === count);
      return gap ? formatGap(gap) : "–";
    }),
  }));
}

/** How the classes come, where it is not the plain way. */
function describeStream({ classesPerTask, firstTask, taskSizes, classOrder, evaluate }: Cell): string[] {
  return [
    firstTask === undefined ? "" : `${firstTask} classes in the first task`,
    classesPerTask === undefined ? "" : `${classesPerTask} classes a task`,
    taskSizes === undefined ? "" : `tasks of ${taskSizes.join(", ")} classes`,
    classOrder === undefined ? "" : `class order ${classOrder}`,
    evaluate === undefined
      ? ""
      : evaluate === "last"
      ? "scored after the last task"
      : `scored after every ${evaluate} tasks`,
  ].filter(Boolean);
}

/** Epochs and rate, and those of the first task where they are others. */
function describeTraining(settings: ProtocolSettings): string {
  const { epochs, optimiser, learningRate, schedule, warmup, weightDecay, batchSize, loss } = settings;
  const { firstEpochs, firstRate } = settings;
  const first = firstEpochs === undefined && firstRate === undefined
    ? ""
    : `, the first task ${firstEpochs ?? epochs} at ${firstRate ?? learningRate}`;
  return `${epochs} epochs of ${optimiser} at ${learningRate}${first} (${schedule}, warmup ${warmup}, ` +
    `weight decay ${weightDecay}), batch ${batchSize}` +
    (loss === "seen" ? ", loss over all classes seen" : "");
}

/** One line that says what a section holds fixed. */
export function describeSection({ cell, records }: BoardSection): string {
  const { dataset, backbone, backend, settings, edition } = cell;
  const { head, rank, alpha, targets } = settings;
  const images = `${dataset.classes} classes, ${dataset.train} training and ${dataset.test} test images`;
  return `${dataset.name} ${dataset.fingerprint.slice(0, 8)} (${
    [images, ...describeStream(cell)].join("; ")
  }), ` +
    `backbone ${backbone.id} ${backbone.hash.slice(0, 8)}, backend ${backend}, ` +
    `head ${head}, LoRA rank ${rank} alpha ${alpha} on ${targets.join("+")}, ${
      describeTraining(settings)
    }; ` +
    `edition ${edition}, ${records} records`;
}
