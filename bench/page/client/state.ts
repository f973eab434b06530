/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * What is chosen on the page, kept in the address so that a view can be shared. What stands in an address is
 * untrusted: names that the board does not have are ignored.
 *
 * @module
 */
import type { Board, BoardSection, MethodClass } from "../../../src/protocol/mod.ts";
import { familyMetrics, type MetricName, metricNamed } from "../charts/metrics.ts";
import { firstShown, firstTasks, methodClasses, ranked, roleOf } from "../model.ts";

/** What is chosen. */
export interface State {
  readonly section: BoardSection;
  readonly tasks: number;
  /** Of growth curves and heads. */
  readonly metric: MetricName;
  /** Of the table. */
  readonly columns: readonly MetricName[];
  readonly classes: readonly MethodClass[];
  /** All if empty. */
  readonly family: string;
  readonly search: string;
  /** Labels of methods in plots. */
  readonly shown: readonly string[];
  /** Of these, those that the legend has turned off. */
  readonly hidden: readonly string[];
  readonly sort: { readonly column: string; readonly descending: boolean };
  /** Variant of the protagonist, if there is one. */
  readonly own: string | undefined;
  readonly cost: MetricName;
  /** Name of the run looked at; one of the protagonist's if empty. */
  readonly run: string;
  readonly theme: "auto" | "light" | "dark";
}

/** What of a state stands in the address. */
export type Choices = Readonly<Record<string, string>>;

const standard: readonly MetricName[] = [
  "forgetting",
  "gapClosed",
  "seconds",
  "keptBytes",
  "flopPerTestImage",
];

/** The state of choices; what they do not say is as the page opens. */
export function stateOf(board: Board, choices: Choices): State {
  const section = board.sections.find(({ id }) => id === choices["s"]) ?? fullest(board);
  const wanted = Number(choices["t"]);
  const tasks = section.tasks.includes(wanted) ? wanted : firstTasks(board, section);
  const labels = new Set(section.methods.map(({ label }) => label));
  const named = (key: string) =>
    choices[key]?.split("|").map(unescapeBar).filter((label) => labels.has(label));
  const metricsNamed = (text: string | undefined) =>
    text?.split(",").flatMap((name) => metricNamed(name)?.name ?? []);
  const kinds = choices["class"]?.split(",");
  const owns = ranked(section, tasks).filter((method) => roleOf(board, section, method) === "protagonist");
  const sort = choices["sort"] ?? `-${section.accuracy}`;
  const theme = choices["theme"];
  return {
    section,
    tasks,
    metric: metricNamed(choices["m"] ?? "")?.name ?? section.accuracy,
    columns: metricsNamed(choices["cols"]) ??
      [section.accuracy, ...standardOf(section).filter((name) => occurs(section, name))],
    classes: kinds ? methodClasses.filter((kind) => kinds.includes(kind)) : methodClasses,
    family: choices["family"] ?? "",
    search: choices["q"] ?? "",
    shown: named("show") ?? firstShown(board, section, tasks),
    hidden: named("off") ?? [],
    sort: { column: sort.replace(/^-/, ""), descending: sort.startsWith("-") },
    own: owns.find(({ label }) => label === choices["own"])?.label ?? owns[0]?.label,
    cost: metricNamed(choices["cost"] ?? "")?.name ?? "keptBytes",
    run: choices["run"] ?? "",
    theme: theme === "light" || theme === "dark" ? theme : "auto",
  };
}

/** Columns of the table as it opens: those of families where there are some, for which others make room. */
function standardOf({ fixed }: BoardSection): readonly MetricName[] {
  return fixed.stream === undefined
    ? standard
    : ["forgetting", ...familyMetrics, "gapClosed", "seconds", "keptBytes"];
}

/** The section with the most finished runs. */
function fullest({ sections }: Board): BoardSection {
  const size = ({ entries }: BoardSection) => entries.reduce((sum, { runs }) => sum + runs.length, 0);
  return sections.toSorted((a, b) => size(b) - size(a))[0]!;
}

/** Whether a section has a metric at all. */
export function occurs(section: BoardSection, name: MetricName): boolean {
  return section.entries.some((entry) =>
    (name === "gapClosed" ? entry.gapClosed : entry.figures[name]) !== undefined
  );
}

/** Labels as one choice. */
export function joined(labels: readonly string[]): string {
  return labels.map((label) => label.replaceAll("~", "~~").replaceAll("|", "~_")).join("|");
}

function unescapeBar(text: string): string {
  return text.replaceAll(/~([~_])/g, (_, mark) => mark === "_" ? "|" : "~");
}

/** Choices of the page's address. */
export function readChoices(): Choices {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Puts choices into the page's address, without a step in the history. */
export function writeChoices(choices: Choices): void {
  const text = new URLSearchParams(choices).toString();
  history.replaceState(null, "", text === "" ? location.pathname + location.search : `#${text}`);
}
