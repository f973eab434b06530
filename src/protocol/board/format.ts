/**
 * Figures and names as people read them, the same in every table.
 *
 * @module
 */
import { printable } from "../../core/printable.ts";
import type { Overlap } from "../overlap.ts";
import { headOptions, type ProtocolSettings } from "../settings.ts";
import type { BoardEntry, BoardSection, Estimate, Lead } from "./board.ts";
import { list } from "./words.ts";

/** A share as a percentage, with its deviation where there is one: `41.3 ± 0.8`. */
export function formatPercent(summary: Estimate | undefined): string {
  return summary ? withSpread(summary, (value) => decimal(100 * value, 1)) : "–";
}

/** A small share as hundredths of a point, with its deviation where there is one: `0.35 ± 0.08`. */
export function formatChange(summary: Estimate | undefined): string {
  return summary ? withSpread(summary, (value) => decimal(100 * value, 2)) : "–";
}

/** An index, which is no share, with its deviation where there is one: `0.42 ± 0.08`. */
export function formatIndex(summary: Estimate | undefined): string {
  return summary ? withSpread(summary, (value) => decimal(value, 2)) : "–";
}

/** A mean of small whole numbers, with its deviation where there is one: `4`, `3.5 ± 0.7`. */
export function formatMean(summary: Estimate | undefined): string {
  return summary ? withSpread(summary, (value) => decimal(value, 1).replace(/\.0$/, "")) : "–";
}

function withSpread({ mean, deviation }: Estimate, write: (value: number) => string): string {
  return deviation === undefined ? write(mean) : `${write(mean)} ± ${write(deviation)}`;
}

/** With a proper minus, and none before zero. */
function decimal(value: number, digits: number): string {
  return value.toFixed(digits).replace(/^-(0(?:\.0+)?)$/, "$1").replace("-", "−");
}

/** Seconds, to the tenth below ten. */
export function formatSeconds(summary: Estimate | undefined): string {
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
export function formatBytes(summary: Estimate | undefined): string {
  return summary ? inUnits(summary.mean, 1024, ["B", "KiB", "MiB", "GiB"]) : "–";
}

/** A count such as `2.5 M`. */
export function formatCount(summary: Estimate | undefined): string {
  return summary ? inUnits(summary.mean, 1000, ["", "k", "M", "G", "T", "P"]) : "–";
}

/** What stands in a cell that has no or not all results. */
export function remarks({ failed, missing }: BoardEntry): string {
  return [
    failed.length > 0 ? `failed: seed ${failed.join(", ")}` : "",
    missing.length > 0 ? `missing: seed ${missing.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

/** The entry of a method at a number of tasks. */
export function entryOf(section: BoardSection, method: string, tasks: number): BoardEntry {
  return section.entries.find((entry) => entry.method === method && entry.tasks === tasks)!;
}

/** Difference in points with its 95 % interval, or its deviation where values are too few, and how many there are. */
export function formatDifference({ mean, deviation, interval, n }: Estimate): string {
  const points = (value: number) => {
    const text = Math.abs(100 * value).toFixed(1);
    return `${value < 0 && text !== "0.0" ? "−" : "+"}${text}`;
  };
  const spread = interval
    ? ` [${points(interval[0])}, ${points(interval[1])}]`
    : deviation === undefined
    ? ""
    : ` ± ${(100 * deviation).toFixed(1)}`;
  return `${points(mean)}${spread} (n=${n})`;
}

/** A lead and over whom: `+1.2 [−0.1, +3.0] (n=3) over ewc 2×, lwf`. */
export function formatLead({ difference, rivals }: Lead): string {
  if (!difference) return "–";
  const names = rivals.map(({ method, seeds }) =>
    seeds === 1 || rivals.length === 1 ? method : `${method} ${seeds}×`
  );
  return `${formatDifference(difference)} over ${names.join(", ")}`;
}

/** How the classes come, where it is not the plain way. */
function describeStream(
  { stream, classesPerTask, firstTask, taskSizes, classOrder, evaluate }: BoardSection["fixed"],
): string[] {
  return [
    stream === undefined ? "" : `stream ${stream}`,
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

/** Options of a head that are not its defaults. */
function describeHead(settings: ProtocolSettings): string {
  const { head } = settings;
  const given = headOptions.map((name) => [name, settings[name]]).filter(([, value]) => value !== undefined);
  return given.length === 0 ? head : `${head} (${given.map((option) => option.join(" ")).join(", ")})`;
}

/** That the backbone was trained on the data, in one sentence; nothing where it is not known to be. */
function describeOverlap(overlap: readonly Overlap[], classes: number): string {
  if (overlap.length === 0) return "";
  const parts = overlap.map((seen) =>
    `${seen.classes} of ${classes} classes in training on ${seen.trainedOn} (known by ${seen.by})`
  );
  return `. The backbone has seen this data: ${list(parts)}`;
}

/** One line that says what a section holds fixed, and whether its backbone was trained on its data. */
export function describeSection(
  fixed: BoardSection["fixed"],
  records: number,
  overlap: readonly Overlap[] = [],
): string {
  const { dataset, backbone, backend, settings, edition } = fixed;
  const { rank, alpha, targets } = settings;
  const images = `${dataset.classes} classes, ${dataset.train} training and ${dataset.test} test images`;
  return printable(
    `${dataset.name} ${dataset.fingerprint.slice(0, 8)} (${
      [images, ...describeStream(fixed)].join("; ")
    }), ` +
      `backbone ${backbone.id} ${backbone.hash.slice(0, 8)}, backend ${backend}, ` +
      `head ${describeHead(settings)}, LoRA rank ${rank} alpha ${alpha} on ${targets.join("+")}, ${
        describeTraining(settings)
      }; ` +
      `edition ${edition}, ${records} ${records === 1 ? "record" : "records"}` +
      describeOverlap(overlap, dataset.classes),
    Infinity,
  );
}
