/**
 * Blocks of a study as markdown.
 *
 * @module
 */
import {
  type BoardMethod,
  inertMarkdown,
  type PairedDifference,
  type Power,
} from "../../src/protocol/mod.ts";
import { claimDetails, claimsBlock } from "./claims_block.ts";
import type { Block, Study } from "./definition.ts";
import { figureNamed, formatMean, GAP_CLOSED, type StudyFigure } from "./figures.ts";
import { differenceOf, meanOf, tasksFound, tooNarrow } from "./measure.ts";
import { recordsBlock } from "./records_block.ts";
import { table } from "./table.ts";
import { resolveText, type Sources } from "./template.ts";
import { methodNamed, type View } from "./views.ts";
import { formatDifference, formatP, listed, NOT_RUN } from "./words.ts";

/** Where the plot of a view is, from the root of the repository. */
export function plotFile(kind: "growth" | "gap" | "lead", view: string): string {
  return `bench/plots/study-${view}-${kind}.svg`;
}

/** A block as markdown. */
export function renderBlock(block: Block, sources: Sources): string {
  const { study, views } = sources;
  if ("text" in block) return resolveText(block.text, sources);
  if ("verdict" in block) return verdictBlock(views(block.verdict));
  if ("plot" in block) return plotBlock(block.plot, views(block.view));
  switch (block.table) {
    case "growth":
      return growthBlock(study, views(block.view), block.figures.map(figureNamed), block.methods);
    case "differences":
      return differencesBlock(study, views(block.view), block, figureNamed(block.figure));
    case "grid":
      return gridBlock(sources, block);
    case "claims":
    case "verdicts":
      return claimsBlock(sources, block.claims, block.table === "verdicts");
    case "claim details":
      return claimDetails(sources, block.claims);
    case "records":
      return recordsBlock(sources);
  }
}

function notRun({ title }: View): string {
  return `${inertMarkdown(title)}: ${NOT_RUN}.`;
}

/** The methods of a view from the most accurate at the largest number of tasks down, or those that are wanted. */
function methodsOf(study: Study, view: View, wanted?: readonly string[]): BoardMethod[] {
  if (wanted) return wanted.flatMap((name) => methodNamed(study, view, name) ?? []);
  const last = tasksFound(view).at(-1)!;
  const accuracy = figureNamed("pooled");
  return (view.found?.section.methods ?? [])
    .map((method) => ({ method, mean: meanOf(view, accuracy, method.label, last)?.mean ?? -1 }))
    .sort((a, b) => b.mean - a.mean)
    .map(({ method }) => method);
}

/** What the study expects of a view and its records lack. */
function absences(
  study: Study,
  view: View,
  methods: readonly BoardMethod[],
  wanted: readonly string[] = [],
): string[] {
  const found = tasksFound(view);
  const tasks = view.declaredTasks.filter((count) => !found.includes(count)).map((count) => `T=${count}`);
  const missing = wanted.filter((name) => !methodNamed(study, view, name));
  const failed = (view.found?.section.entries ?? []).filter((entry) =>
    entry.failed.length > 0 && methods.some(({ label }) => label === entry.method)
  );
  const all = [...tasks, ...missing];
  return [
    ...(all.length > 0 ? [`Not run: ${inertMarkdown(listed(all))}.`] : []),
    ...failed.map(({ method, tasks, failed }) =>
      inertMarkdown(`Training of ${method} diverged at T=${tasks}, seed ${listed(failed)}.`)
    ),
  ];
}

/** Why a view has no gap at some numbers of tasks: a share of a gap that is mostly noise would say nothing. */
function narrowness(powers: readonly Power[]): string[] {
  const accuracy = figureNamed("pooled");
  const points = (share: number) => formatMean({ mean: share }, accuracy);
  const parts = powers.map(({ tasks, room, error }) =>
    `T=${tasks} (${points(room!)} points, error ${points(error!)})`
  );
  if (parts.length === 0) return [];
  return [
    `No share of the gap is given where floor and bound lie less than ten standard errors apart: ${
      listed(parts)
    }.`,
  ];
}

function growthBlock(
  study: Study,
  view: View,
  figures: readonly StudyFigure[],
  wanted?: readonly string[],
): string {
  const tasks = tasksFound(view);
  if (tasks.length === 0) return notRun(view);
  const methods = methodsOf(study, view, wanted);
  const narrow = tooNarrow(view);
  const tables = figures.flatMap((figure) => {
    const isNoise = (T: number) => figure === GAP_CLOSED && narrow.some(({ tasks }) => tasks === T);
    const rows = methods.map(({ label }) => ({
      label,
      means: tasks.map((T) => isNoise(T) ? undefined : meanOf(view, figure, label, T)),
    }));
    const having = rows.filter(({ means }) => means.some(Boolean));
    const why = figure === GAP_CLOSED ? narrowness(narrow) : [];
    if (having.length === 0) return why.length > 0 ? why : [`${figure.title}: in no record.`];
    const n = Math.max(...having.flatMap(({ means }) => means.map((mean) => mean?.n ?? 0)));
    const cell = (mean: PairedDifference | undefined) =>
      mean ? `${formatMean(mean, figure)}${mean.n < n ? ` (n=${mean.n})` : ""}` : "–";
    return [
      `${figure.title}; ${n === 1 ? "one seed" : `${n} seeds`}:`,
      table(
        ["method", ...tasks.map((T) => `T=${T}`)],
        having.map(({ label, means }) => [label, ...means.map(cell)]),
      ),
      ...why,
    ];
  });
  return [
    `**${inertMarkdown(view.title)}**`,
    ...tables,
    ...absences(study, view, methods, wanted ?? view.declaredMethods),
  ].join(
    "\n\n",
  );
}

/** Which side of zero an interval is on. */
function sideOf({ interval }: PairedDifference, { better }: StudyFigure): "better" | "worse" | "undecided" {
  if (!interval) return "undecided";
  const [low, high] = better === "more" ? interval : [-interval[1], -interval[0]];
  return low > 0 ? "better" : high < 0 ? "worse" : "undecided";
}

function differencesBlock(
  study: Study,
  view: View,
  { of, against }: { readonly of: string; readonly against?: readonly string[] },
  figure: StudyFigure,
): string {
  const tasks = tasksFound(view);
  const own = methodNamed(study, view, of);
  if (tasks.length === 0 || !own) {
    return tasks.length === 0 ? notRun(view) : `${inertMarkdown(view.title)}: ${of} was ${NOT_RUN}.`;
  }
  const rivals = methodsOf(study, view, against).filter(({ label }) => label !== own.label);
  const found = rivals.map(({ label }) => ({
    label,
    differences: tasks.map((T) => differenceOf(view, figure, [own.label, label], T)),
  })).filter(({ differences }) => differences.some(Boolean));
  const cell = (difference: PairedDifference | undefined) =>
    difference
      ? `${formatDifference(difference, figure)}${
        difference.p === undefined ? "" : `, p ${formatP(difference.p)}`
      }`
      : "–";
  const sides = tasks.map((T, i) => {
    const parts = (["better", "worse", "undecided"] as const).flatMap((side) => {
      const names = found.filter(({ differences }) =>
        differences[i] && sideOf(differences[i], figure) === side
      )
        .map(({ label }) => label);
      return names.length === 0
        ? []
        : [side === "undecided" ? `undecided to ${listed(names)}` : `${side} than ${listed(names)}`];
    });
    return `T=${T}: ${parts.join("; ") || "nothing to compare with"}`;
  });
  return [
    `**${inertMarkdown(`${view.title}: ${own.label} minus others`)}** (${figure.title})`,
    table(
      [`${own.label} −`, ...tasks.map((T) => `T=${T}`)],
      found.map(({ label, differences }) => [label, ...differences.map(cell)]),
    ),
    sides.map((line) => `- ${inertMarkdown(line)}.`).join("\n"),
    ...absences(study, view, rivals, against),
  ].join("\n\n");
}

function gridBlock(
  { study, views }: Sources,
  { columns, tasks, figure: name, methods }: Extract<Block, { readonly table: "grid" }>,
): string {
  const figure = figureNamed(name);
  const cuts = Object.entries(columns).map(([title, view]) => ({ title, view: views(view) }));
  const run = cuts.filter(({ view }) => tasksFound(view).includes(tasks));
  if (run.length === 0) return `${listed(cuts.map(({ view }) => inertMarkdown(view.title)))}: ${NOT_RUN}.`;
  const rows = methods ??
    [...new Set(run.flatMap(({ view }) => methodsOf(study, view).map(({ label }) => label)))];
  const labelIn = (view: View, row: string) => methods ? methodNamed(study, view, row)?.label : row;
  const cells = rows.map((row) => [
    row,
    ...run.map(({ view }) => {
      const label = labelIn(view, row);
      const mean = label === undefined ? undefined : meanOf(view, figure, label, tasks);
      return mean ? `${formatMean(mean, figure)} (n=${mean.n})` : "–";
    }),
  ]);
  const missing = cuts.filter((cut) => !run.includes(cut)).map(({ title }) => title);
  return [
    `${figure.title}, T=${tasks}:`,
    table(
      ["method", ...run.map(({ title }) => title)],
      cells.filter((row) => row.slice(1).some((text) => text !== "–")),
    ),
    ...(missing.length > 0 ? [`Not run: ${inertMarkdown(listed(missing))}.`] : []),
  ].join("\n\n");
}

function verdictBlock(view: View): string {
  if (!view.found) return notRun(view);
  return view.found.section.verdict.map((sentence) => `- ${inertMarkdown(sentence)}`).join("\n");
}

function plotBlock(kind: "growth" | "gap" | "lead", view: View): string {
  if (tasksFound(view).length === 0) return notRun(view);
  return `![${inertMarkdown(view.title)}: ${kind}](${plotFile(kind, view.name)})`;
}
