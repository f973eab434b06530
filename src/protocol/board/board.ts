/**
 * Renders comparisons to text: markdown for people, CSV for spreadsheets. Generated, never edited: equal records
 * give equal files.
 *
 * @module
 */
import { stringify } from "csv-stringify/sync";
import { markdownTable } from "markdown-table";
import { canonicalJson } from "../../core/json.ts";
import type { BoardCell, BoardSection, Gap, Summary } from "./comparison.ts";

/** A share as a percentage, with its deviation where there is one: `41.3 ± 0.8`. */
export function formatPercent(summary: Summary | undefined): string {
  if (!summary) return "–";
  const points = (value: number) => (100 * value).toFixed(1);
  const spread = summary.deviation === undefined ? "" : ` ± ${points(summary.deviation)}`;
  return `${points(summary.mean)}${spread}`;
}

/** Seconds, to the tenth below ten. */
export function formatSeconds(summary: Summary | undefined): string {
  if (!summary) return "–";
  return summary.mean < 10 ? summary.mean.toFixed(1) : summary.mean.toFixed(0);
}

/** Bytes in a unit that keeps three digits or fewer. */
export function formatBytes(summary: Summary | undefined): string {
  if (!summary) return "–";
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = summary.mean;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/** What stands in a cell that has no or not all results. */
function remarks({ failed, missing }: BoardCell): string {
  return [
    failed.length > 0 ? `failed: seed ${failed.join(", ")}` : "",
    missing.length > 0 ? `missing: seed ${missing.join(", ")}` : "",
  ].filter(Boolean).join("; ");
}

function cellOf(section: BoardSection, method: string, tasks: number): BoardCell {
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
function gapRows({ gaps, tasks }: BoardSection): { readonly name: string; readonly cells: string[] }[] {
  return [...new Set(gaps.map(({ method }) => method))].map((method) => ({
    name: `${method} − best other`,
    cells: tasks.map((count) => {
      const gap = gaps.find((candidate) => candidate.method === method && candidate.tasks === count);
      return gap ? formatGap(gap) : "–";
    }),
  }));
}

/** Header and rows of the table of methods against T; the same cells on the terminal and in markdown. */
export function growthTable(section: BoardSection): string[][] {
  const header = ["method", ...section.tasks.flatMap((tasks) => [`T=${tasks}`, "forget", "s", "kept"])];
  const rows = section.methods.map((method) => [
    method,
    ...section.tasks.flatMap((tasks) => {
      const cell = cellOf(section, method, tasks);
      const note = remarks(cell);
      const score = cell.accuracy
        ? `${formatPercent(cell.accuracy)}${note ? ` (${note})` : ""}`
        : (note || "–");
      return [
        score,
        formatPercent(cell.forgetting),
        formatSeconds(cell.seconds),
        formatBytes(cell.keptBytes),
      ];
    }),
  ]);
  const gaps = gapRows(section).map(({ name, cells }) => [
    name,
    ...cells.flatMap((cell) => [cell, "", "", ""]),
  ]);
  return [header, ...rows, ...gaps];
}

/** One line that says what a section holds fixed. */
export function describeSection({ cell, records }: BoardSection): string {
  const { dataset, backbone, backend, settings, classesPerTask } = cell;
  const { head, rank, alpha, targets, epochs, batchSize, optimiser, learningRate } = settings;
  const { schedule, warmup, weightDecay } = settings;
  return `${dataset.name} ${
    dataset.fingerprint.slice(0, 8)
  } (${dataset.classes} classes, ${dataset.train} training ` +
    `and ${dataset.test} test images${
      classesPerTask ? `; ${classesPerTask} classes a task` : ""
    }), backbone ${backbone.id} ${backbone.hash.slice(0, 8)}, backend ${backend}, ` +
    `head ${head}, LoRA rank ${rank} alpha ${alpha} on ${
      targets.join("+")
    }, ${epochs} epochs of ${optimiser} at ` +
    `${learningRate} (${schedule}, warmup ${warmup}, weight decay ${weightDecay}), batch ${batchSize}; ` +
    `${records} records`;
}

const LEGEND =
  "Accuracy in percent, mean ± standard deviation over seeds: `final` and `average` are class-incremental, `task-IL` " +
  "is told the task. `forgetting` is in points, `seconds` are those of a whole run, `kept` are the bytes that a " +
  "method keeps between tasks (the classifier not counted). `joint` trains once on all tasks together: a bound, not a rival. Differences are paired by seed, " +
  "against the other method that leaves the smallest, with a 95 % bootstrap interval from three seeds on.";

function sectionTitle({ cell }: BoardSection): string {
  return `${cell.dataset.name} / ${cell.backbone.id} / ${cell.backend}`;
}

function detailTable(section: BoardSection, tasks: number): string {
  const rows = section.methods.map((method) => {
    const cell = cellOf(section, method, tasks);
    return [
      method,
      formatPercent(cell.accuracy),
      formatPercent(cell.averageIncremental),
      formatPercent(cell.forgetting),
      formatPercent(cell.taskIncremental),
      String(cell.accuracy?.n ?? 0),
      formatSeconds(cell.seconds),
      formatBytes(cell.keptBytes),
      remarks(cell),
    ];
  });
  const header = ["method", "final", "average", "forgetting", "task-IL", "n", "seconds", "kept", "remarks"];
  return markdownTable([header, ...rows], { align: ["l", ...header.slice(1).map(() => "r")] });
}

function accuracyTable(section: BoardSection): string {
  const header = ["method", ...section.tasks.map((tasks) => `T=${tasks}`)];
  const rows = section.methods.map((method) => [
    method,
    ...section.tasks.map((tasks) => {
      const cell = cellOf(section, method, tasks);
      const { accuracy } = cell;
      if (!accuracy) return remarks(cell) || "–";
      return `${formatPercent(accuracy)} (${[`n=${accuracy.n}`, remarks(cell)].filter(Boolean).join("; ")})`;
    }),
  ]);
  const gaps = gapRows(section).map(({ name, cells }) => [`**${name}**`, ...cells]);
  return markdownTable([header, ...rows, ...gaps], { align: ["l", ...section.tasks.map(() => "r")] });
}

/** The whole leaderboard as markdown. */
export function renderMarkdown(sections: readonly BoardSection[]): string {
  const parts = sections.flatMap((section) => [
    `## ${sectionTitle(section)}`,
    `${describeSection(section)}.`,
    accuracyTable(section),
    ...section.tasks.flatMap((tasks) => [`### T = ${tasks}`, detailTable(section, tasks)]),
  ]);
  return `${
    ["# Leaderboard", "Generated by `deno task board`; do not edit.", LEGEND, ...parts].join("\n\n")
  }\n`;
}

/** One line per section, method and T, with everything that tells sections apart. */
export function renderCsv(sections: readonly BoardSection[]): string {
  const columns = [
    "edition",
    "dataset",
    "dataset_fingerprint",
    "backbone",
    "backbone_hash",
    "backend",
    "settings",
    "classes_per_task",
    "method",
    "tasks",
    "n",
    "accuracy_mean",
    "accuracy_deviation",
    "average_incremental_mean",
    "forgetting_mean",
    "task_incremental_mean",
    "seconds_mean",
    "kept_bytes_mean",
    "failed_seeds",
    "missing_seeds",
  ];
  const rows = sections.flatMap((
    { cell: { edition, dataset, backbone, backend, settings, classesPerTask }, cells },
  ) =>
    cells.map((cell) => [
      edition,
      dataset.name,
      dataset.fingerprint,
      backbone.id,
      backbone.hash,
      backend,
      canonicalJson(settings),
      classesPerTask,
      cell.method,
      cell.tasks,
      cell.accuracy?.n ?? 0,
      cell.accuracy?.mean,
      cell.accuracy?.deviation,
      cell.averageIncremental?.mean,
      cell.forgetting?.mean,
      cell.taskIncremental?.mean,
      cell.seconds?.mean,
      cell.keptBytes?.mean,
      cell.failed.join(" "),
      cell.missing.join(" "),
    ])
  );
  return stringify([columns, ...rows]);
}
