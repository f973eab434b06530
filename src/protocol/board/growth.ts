/**
 * The table of methods against the number of tasks, for a terminal.
 *
 * @module
 */
import { shownName } from "./classes.ts";
import type { BoardSection } from "./comparison.ts";
import { cellOf, formatBytes, formatPercent, formatSeconds, gapRows, remarks } from "./format.ts";

/** A text, or one that spans several columns. */
export type TableCell = string | { readonly content: string; readonly colSpan: number };

/** Columns of each number of tasks: two accuracies in the end, forgetting, seconds, bytes kept. */
const COLUMNS = 5;

/**
 * Header and rows. Accuracy comes as `pooled`, over all test images, and as `mean`, the plain mean over tasks; the
 * deviation over seeds of the latter is left to the board.
 */
export function growthTable(section: BoardSection): TableCell[][] {
  const header = [
    "method",
    ...section.tasks.flatMap((tasks) => [`T=${tasks} pooled`, "mean", "forget", "s", "kept"]),
  ];
  const rows = section.methods.map((method) => [
    shownName(method),
    ...section.tasks.flatMap((tasks): TableCell[] => {
      const cell = cellOf(section, method, tasks);
      const note = remarks(cell);
      if (!cell.taskMean && note) return [{ content: note, colSpan: COLUMNS }];
      const { taskMean } = cell;
      return [
        `${formatPercent(cell.pooled)}${note ? ` (${note})` : ""}`,
        formatPercent(taskMean && { ...taskMean, deviation: undefined }),
        formatPercent(cell.forgetting),
        formatSeconds(cell.seconds),
        formatBytes(cell.keptBytes),
      ];
    }),
  ]);
  const gaps = gapRows(section).map(({ name, cells }) => [
    name,
    ...cells.map((content) => ({ content, colSpan: COLUMNS })),
  ]);
  return [header, ...rows, ...gaps];
}
