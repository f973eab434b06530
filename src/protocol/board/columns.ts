/**
 * The columns that tables have of an entry: how people name them, and how their values read.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { BoardEntry, BoardSection } from "./board.ts";
import type { FigureName } from "./figures.ts";
import {
  formatBytes,
  formatChange,
  formatCount,
  formatIndex,
  formatMean,
  formatPercent,
  formatSeconds,
} from "./format.ts";

/** A column. */
export interface Column {
  /** As tables and `--metrics` name it. */
  readonly name: string;
  /** What stands in it; a dash where an entry has nothing. */
  text(entry: BoardEntry): string;
  /** Whether an entry has something for it. */
  has(entry: BoardEntry): boolean;
}

function of(
  name: string,
  format: (value: BoardEntry["figures"][FigureName]) => string,
  ...figures: readonly FigureName[]
): Column {
  const value = (entry: BoardEntry) => figures.map((figure) => entry.figures[figure]).find(Boolean);
  return { name, text: (entry) => format(value(entry)), has: (entry) => value(entry) !== undefined };
}

/** What a run scores, in percent and points. */
export const scoreColumns: readonly Column[] = [
  of("pooled", formatPercent, "pooled"),
  of("mean", formatPercent, "taskMean"),
  of("avg-pooled", formatPercent, "averagePooled"),
  of("avg-mean", formatPercent, "averageTaskMean"),
  of("forgetting", formatPercent, "forgetting"),
  of("transfer", formatPercent, "backwardTransfer"),
  of("plasticity", formatPercent, "plasticity"),
  of("task-il", formatPercent, "taskIncrementalPooled", "taskIncrementalTaskMean"),
  of("task-found", formatPercent, "taskInference"),
  {
    name: "gap-closed",
    text: ({ gapClosed }) => formatPercent(gapClosed),
    has: ({ gapClosed }) => gapClosed !== undefined,
  },
];

/** What a stream with structure tells of a run; see `families.ts`. */
export const familyColumns: readonly Column[] = [
  of("groups", formatMean, "groups"),
  of("ari", formatIndex, "familyAgreement"),
  of("family-transfer", formatPercent, "familyTransfer"),
  of("related", formatChange, "relatedChange"),
  of("interference", formatChange, "interference"),
];

/** Whether the columns of families tell anything of a section, or of it at a number of tasks. */
export function hasFamilies({ fixed: { stream }, entries }: BoardSection, tasks?: number): boolean {
  const own = tasks === undefined ? entries : entries.filter((entry) => entry.tasks === tasks);
  return stream !== undefined && familyColumns.some(({ has }) => own.some(has));
}

/** What a run costs. */
export const costColumns: readonly Column[] = [
  of("seconds", formatSeconds, "seconds"),
  of("kept", formatBytes, "keptBytes"),
  of("classifier", formatBytes, "classifierBytes"),
  of("flop-train", formatCount, "flopPerTrainingImage"),
  of("flop-test", formatCount, "flopPerTestImage"),
  of("passes", formatCount, "passesPerTestImage"),
  of("deployed", formatBytes, "deployedBytes"),
  of("trained", formatCount, "trainedNumbers"),
];

/** Names of those of streams with families. */
export const familyNames: readonly string[] = familyColumns.map(({ name }) => name);

const columns = [...scoreColumns, ...familyColumns, ...costColumns];

/** Names of all columns. */
export const metricNames: readonly string[] = columns.map(({ name }) => name);

/**
 * Columns by name.
 *
 * @throws {InputError} If there is none of that name
 */
export function columnsNamed(names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = columns.find((column) => column.name === name);
    if (!column) throw new InputError(`Cannot show metric ${name}: wanted one of ${metricNames.join(", ")}`);
    return column;
  });
}
