/**
 * What page and pictures take from a board: which methods stand in a plot, how they look, and how they fare.
 *
 * @module
 */
import type {
  Board,
  BoardEntry,
  BoardMethod,
  BoardSection,
  Comparison,
  Estimate,
  MethodClass,
} from "../../src/protocol/mod.ts";
import { type Ink, type Look, lookOf, type Role } from "./charts/ink.ts";
import { estimateOf, type MetricName } from "./charts/metrics.ts";
import type { Series, SeriesPoint } from "./charts/series.ts";

/** All classes, in the order in which people choose. */
export const methodClasses: readonly MethodClass[] = ["plain", "buffer", "test data", "bound"];

/** What a method is in its section. */
export function roleOf(
  board: Board,
  section: BoardSection,
  { label, method, class: kind }: BoardMethod,
): Role {
  if (label === section.floor || label === section.bound || kind === "bound") return "reference";
  return method === board.protagonist ? "protagonist" : "rival";
}

/** Entries of a section by method and number of tasks. */
export function entriesOf(section: BoardSection): (method: string, tasks: number) => BoardEntry | undefined {
  const entries = new Map(section.entries.map((entry) => [`${entry.tasks} ${entry.method}`, entry]));
  return (method, tasks) => entries.get(`${tasks} ${method}`);
}

/** Mean accuracy in the end, by which methods are ranked; −1 of those that have none. */
export function scoreOf(section: BoardSection, entry: BoardEntry | undefined): number {
  return entry?.figures[section.accuracy]?.mean ?? -1;
}

/** Methods of a section from the most accurate to the least. */
export function ranked(section: BoardSection, tasks: number): BoardMethod[] {
  const entryOf = entriesOf(section);
  const score = ({ label }: BoardMethod) => scoreOf(section, entryOf(label, tasks));
  return section.methods.toSorted((a, b) => score(b) - score(a));
}

/** The number of tasks that a page opens with: the largest at which the protagonist or else anything has a score. */
export function firstTasks(board: Board, section: BoardSection): number {
  const own = new Set(
    section.methods.filter(({ method }) => method === board.protagonist).map(({ label }) => label),
  );
  const scored = section.entries.filter((entry) => scoreOf(section, entry) >= 0);
  const best = (entries: readonly BoardEntry[]) => Math.max(-1, ...entries.map(({ tasks }) => tasks));
  const wanted = best(scored.filter(({ method }) => own.has(method)));
  return wanted > 0 ? wanted : Math.max(best(scored), section.tasks[0] ?? 1);
}

/** Few enough to read: the protagonist, floor and bound, the best rivals, and the best of each other class. */
export function firstShown(board: Board, section: BoardSection, tasks: number): string[] {
  const order = ranked(section, tasks);
  const having = (role: Role) => order.filter((method) => roleOf(board, section, method) === role);
  const protagonists = having("protagonist").slice(0, 3);
  const home = protagonists[0]?.class ?? "plain";
  const rivals = having("rival");
  const others = methodClasses.filter((kind) => kind !== home)
    .flatMap((kind) => rivals.find((method) => method.class === kind) ?? []);
  const references = [section.floor, section.bound].filter((label) => label !== undefined);
  return [
    ...protagonists.map(({ label }) => label),
    ...rivals.filter((method) => method.class === home).slice(0, 5).map(({ label }) => label),
    ...others.map(({ label }) => label),
    ...references,
  ];
}

/** How the chosen methods look, in the order in which they were chosen. */
export function looksOf(
  board: Board,
  section: BoardSection,
  shown: readonly string[],
  ink: Ink,
): Map<string, { readonly role: Role; readonly look: Look }> {
  const methods = new Map(section.methods.map((method) => [method.label, method]));
  const places: Record<Role, number> = { protagonist: 0, reference: 0, rival: 0 };
  return new Map(shown.flatMap((label) => {
    const method = methods.get(label);
    if (!method) return [];
    const role = roleOf(board, section, method);
    return [[label, { role, look: lookOf(ink, role, places[role]++) }] as const];
  }));
}

/** Lines of a metric. */
export function growthSeries(
  section: BoardSection,
  looks: ReturnType<typeof looksOf>,
  name: MetricName,
): Series[] {
  const entryOf = entriesOf(section);
  return [...looks].map(([label, { role, look }]) => ({
    label,
    role,
    look,
    points: section.tasks.flatMap((tasks): SeriesPoint[] => {
      const entry = entryOf(label, tasks);
      const estimate = entry && estimateOf(entry, name);
      return estimate ? [{ tasks, estimate }] : [];
    }),
  })).filter(({ points }) => points.length > 0);
}

/** The comparison of two methods, told from the first one's side. */
export interface Duel {
  readonly difference: Estimate;
  readonly verdict: "ahead" | "behind" | "equivalent" | "undecided";
  readonly superiority: number;
  readonly comparison: Comparison;
}

/** Comparisons of a section by pair and number of tasks. */
export function duelsOf(
  section: BoardSection,
): (own: string, rival: string, tasks: number | "all") => Duel | undefined {
  const key = (...parts: readonly (string | number)[]) => parts.join("\n");
  const pairs = new Map(section.comparisons.map((one) => [key(one.a, one.b, one.tasks), one]));
  return (own, rival, tasks) => {
    const straight = pairs.get(key(own, rival, tasks));
    const comparison = straight ?? pairs.get(key(rival, own, tasks));
    if (!comparison) return undefined;
    const { difference, verdict, superiority } = comparison;
    const winner = straight ? "a" : "b";
    return {
      comparison,
      difference: straight ? difference : negated(difference),
      superiority: straight ? superiority : 1 - superiority,
      verdict: verdict === "a" || verdict === "b" ? verdict === winner ? "ahead" : "behind" : verdict,
    };
  };
}

function negated({ mean, interval, ...rest }: Estimate): Estimate {
  return { mean: -mean, ...rest, ...(interval ? { interval: [-interval[1], -interval[0]] as const } : {}) };
}

/** Lines of the protagonist's lead over each rival of its class. */
export function leadSeries(
  section: BoardSection,
  looks: ReturnType<typeof looksOf>,
  protagonist: string,
): Series[] {
  const duel = duelsOf(section);
  return [...looks].filter(([label]) => label !== protagonist).map(([label, { role, look }]) => ({
    label,
    role: role === "protagonist" ? "rival" as const : role,
    look,
    points: section.tasks.flatMap((tasks): SeriesPoint[] => {
      const found = duel(protagonist, label, tasks);
      return found ? [{ tasks, estimate: found.difference }] : [];
    }),
  })).filter(({ points }) => points.length > 0);
}
