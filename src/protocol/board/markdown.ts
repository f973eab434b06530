/**
 * Renders comparisons to markdown. Generated, never edited: equal records give equal files.
 *
 * @module
 */
import { shownName } from "./classes.ts";
import { markdownTable } from "markdown-table";
import type { BoardCell, BoardSection } from "./comparison.ts";
import {
  cellOf,
  describeSection,
  formatBytes,
  formatCount,
  formatPercent,
  formatSeconds,
  gapRows,
  remarks,
} from "./format.ts";

const LEGEND =
  "Accuracy in percent, mean ± standard deviation over seeds, among all classes seen. `pooled` is the share of all " +
  "test images of all tasks (as PILOT prints it), `task mean` the plain mean of the tasks' own shares (as Mammoth " +
  "does); they agree where tasks have test sets of equal sizes. `avg pooled` and `avg task mean` are their means over " +
  "the run. `task-IL` is told the task, `task found` is the share of images whose class lies in the right task, both " +
  "over all test images. `forgetting` and `transfer` (backward) are in points, by task. `seconds` are those of a whole " +
  "run, `kept` are the bytes that a method keeps between tasks, `classifier` those of the classifier. `FLOP train` and " +
  "`FLOP test` are counted, not timed: of one image in a training step, and of one image scored in `passes` forward " +
  "passes; `deployed` are the bytes needed at test time beside the backbone, `trained` the numbers that training " +
  "changes. `joint` trains once on all tasks together: a bound, not a rival; methods named with `buffer` or `test " +
  "data` are no rivals of the others either. Differences are of `pooled`, paired by " +
  "seed, against the other method that leaves the smallest, with a 95 % bootstrap interval from three seeds on. " +
  "Records of edition 1 have no counts: theirs are task means, `task-IL` too.";

function sectionTitle({ cell }: BoardSection): string {
  const edition = cell.edition === 1 ? " / edition 1" : "";
  return `${cell.dataset.name} / ${cell.backbone.id} / ${cell.backend}${edition}`;
}

/** A column: its name, and what stands in it. */
type Column = readonly [name: string, text: (cell: BoardCell) => string];

const scores: readonly Column[] = [
  ["pooled", ({ pooled }) => formatPercent(pooled)],
  ["task mean", ({ taskMean }) => formatPercent(taskMean)],
  ["avg pooled", ({ averagePooled }) => formatPercent(averagePooled)],
  ["avg task mean", ({ averageTaskMean }) => formatPercent(averageTaskMean)],
  ["forgetting", ({ forgetting }) => formatPercent(forgetting)],
  ["transfer", ({ backwardTransfer }) => formatPercent(backwardTransfer)],
  ["task-IL", (cell) => formatPercent(cell.taskIncrementalPooled ?? cell.taskIncrementalTaskMean)],
  ["task found", ({ taskInference }) => formatPercent(taskInference)],
  ["n", ({ taskMean }) => String(taskMean?.n ?? 0)],
];

const costs: readonly Column[] = [
  ["seconds", ({ seconds }) => formatSeconds(seconds)],
  ["kept", ({ keptBytes }) => formatBytes(keptBytes)],
  ["classifier", ({ classifierBytes }) => formatBytes(classifierBytes)],
  ["FLOP train", ({ flopPerTrainingImage }) => formatCount(flopPerTrainingImage)],
  ["FLOP test", ({ flopPerTestImage }) => formatCount(flopPerTestImage)],
  ["passes", ({ passesPerTestImage }) => formatCount(passesPerTestImage)],
  ["deployed", ({ deployedBytes }) => formatBytes(deployedBytes)],
  ["trained", ({ trainedNumbers }) => formatCount(trainedNumbers)],
  ["remarks", remarks],
];

function detailTable(section: BoardSection, tasks: number, columns: readonly Column[]): string {
  const rows = section.methods.map((method) => {
    const cell = cellOf(section, method, tasks);
    return [shownName(method), ...columns.map(([, text]) => text(cell))];
  });
  return markdownTable([["method", ...columns.map(([name]) => name)], ...rows], {
    align: ["l", ...columns.map(() => "r")],
  });
}

function accuracyTable(section: BoardSection): string {
  const hasCounts = section.cells.some(({ pooled }) => pooled);
  const name = hasCounts ? "pooled" : "task mean";
  const header = ["method", ...section.tasks.map((tasks) => `T=${tasks} ${name}`)];
  const rows = section.methods.map((method) => [
    shownName(method),
    ...section.tasks.map((tasks) => {
      const cell = cellOf(section, method, tasks);
      const accuracy = hasCounts ? cell.pooled : cell.taskMean;
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
    ...section.tasks.flatMap((tasks) => [
      `### T = ${tasks}`,
      detailTable(section, tasks, scores),
      detailTable(section, tasks, costs),
    ]),
  ]);
  return `${
    ["# Leaderboard", "Generated by `deno task board`; do not edit.", LEGEND, ...parts].join("\n\n")
  }\n`;
}
