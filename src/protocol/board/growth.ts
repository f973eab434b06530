/**
 * Tables of methods against the number of tasks, for a terminal: as many columns beside one another as fit its width.
 *
 * @module
 */
import type { BoardEntry, BoardSection } from "./board.ts";
import { shownName } from "./classes.ts";
import { type Column, columnsNamed, familyNames, hasFamilies } from "./columns.ts";
import { entryOf, formatLead, remarks } from "./format.ts";

/** How the tables are to be. */
export interface GrowthOptions {
  /** Names of metrics; those that tell most by default. */
  readonly metrics?: readonly string[] | undefined;
  /** Of a line, in characters; no limit by default. */
  readonly width?: number | undefined;
}

/** Tables and what stands below them. */
export interface GrowthTables {
  /** Rows of cells; the first row is the header. */
  readonly tables: readonly (readonly (readonly string[])[])[];
  /** Failed and missing cells, and the lead of the protagonist, a line each. */
  readonly notes: readonly string[];
}

const PRESET = ["pooled", "mean", "forgetting", "seconds", "kept"];
/** Those of streams with families come before the costs. */
const FAMILY_PRESET = [
  "pooled",
  "mean",
  "forgetting",
  ...familyNames,
  "seconds",
  "kept",
];
/** Of a cell beside its text: a bar and two spaces. */
const FRAME = 3;

/** The tables of a section: each number of tasks has its metrics, those of one stand together as far as they fit. */
export function growthTables(section: BoardSection, options: GrowthOptions = {}): GrowthTables {
  const { metrics, width = Infinity } = options;
  const names = ["method", ...section.methods.map(shownName)];
  const blocks = section.tasks.map((tasks) => columnsOf(section, tasks, metrics));
  const tables: string[][][] = [];
  let table: string[][] = [names];
  const close = () => {
    if (table.length > 1) tables.push(table);
    table = [names];
  };
  for (const block of blocks) {
    if (widthOf([...table, ...block]) > width && table.length > 1) close();
    for (const column of block) {
      if (widthOf([...table, column]) > width && table.length > 1) close();
      table.push(column);
    }
  }
  close();
  return {
    tables: tables.map((columns) => names.map((_, row) => columns.map((column) => column[row]!))),
    notes: [...absences(section), ...leads(section)],
  };
}

/** The columns of one number of tasks, each from its header down. */
function columnsOf(
  section: BoardSection,
  tasks: number,
  metrics: readonly string[] | undefined,
): string[][] {
  const entries = section.methods.map(({ label }) => entryOf(section, label, tasks));
  const chosen = metrics ? columnsNamed(metrics) : presetFor(entries, hasFamilies(section, tasks));
  const most = Math.max(...entries.map(({ runs }) => runs.length));
  return chosen.map(({ name, text, has }, i) => [
    `T=${tasks} ${name}${i === 0 ? ` (n=${most})` : ""}`,
    ...entries.map((entry) => {
      if (entry.runs.length === 0) return i > 0 ? "–" : entry.failed.length > 0 ? "failed" : "missing";
      const n = i === 0 && entry.runs.length < most ? ` (n=${entry.runs.length})` : "";
      return has(entry) ? `${text(entry)}${n}` : "–";
    }),
  ]);
}

/** The preset metrics that entries have; both accuracies only where they differ. */
function presetFor(entries: readonly BoardEntry[], isFamilies: boolean): Column[] {
  const isOne = entries.every(({ figures: { pooled, taskMean } }) =>
    !pooled || Math.abs(pooled.mean - taskMean!.mean) < 0.0005
  );
  const found = columnsNamed(isFamilies ? FAMILY_PRESET : PRESET).filter(({ has }) => entries.some(has));
  const hasPooled = found.some(({ name }) => name === "pooled");
  return found.filter(({ name }) => !(name === "mean" && isOne && hasPooled));
}

function widthOf(columns: readonly (readonly string[])[]): number {
  return 1 + columns.reduce((sum, column) => sum + FRAME + Math.max(...column.map((text) => text.length)), 0);
}

function absences(section: BoardSection): string[] {
  return section.entries.flatMap((entry) => {
    const text = remarks(entry);
    return text ? [`${entry.method}, T=${entry.tasks}: ${text}`] : [];
  });
}

function leads({ leads }: BoardSection): string[] {
  return leads.filter(({ difference }) => difference).map((lead) =>
    `${lead.method} − best rival, chosen on other seeds, ${
      lead.tasks === "all" ? "all T" : `T=${lead.tasks}`
    }: ${formatLead(lead)}`
  );
}
