/**
 * From records to a board.
 *
 * @module
 */
import { hashJson } from "../../core/json.ts";
import { isEdition1 } from "../records/parse.ts";
import { cellName } from "../records/record.ts";
import type { Board, BoardEntry, BoardMethod, BoardSection, RunDetail } from "./board.ts";
import { cardOf, classOf } from "./classes.ts";
import { figureNames } from "./figures.ts";
import { describeSection } from "./format.ts";
import { comparePairs, leadOf, rank, type Resampling, rivalsByClass } from "./inference.ts";
import {
  fixedParts,
  type FoundRecord,
  labeller,
  overlapOfRuns,
  pairable,
  type Problem,
  runOf,
  sectionKey,
  type SectionRun,
} from "./runs.ts";
import { type Scope, scopesOf } from "./scope.ts";
import { createBootstrap } from "./statistics/bootstrap.ts";
import { estimate } from "./statistics/estimate.ts";
import { createSignTest } from "./statistics/permutation.ts";
import { verdictOf } from "./verdict.ts";

/** What a board is made for. */
export interface BoardOptions {
  /** Name of the method that is compared with the best of its rivals. */
  readonly protagonist: string;
  /** Differences smaller than this share of accuracy are none; a point (0.01) by default. */
  readonly margin?: number;
  /** Files that were left out before. */
  readonly problems?: readonly Problem[];
}

/**
 * Makes a board. Equal records in equal order give equal boards.
 *
 * @param records Of different cells; sections and methods keep their order
 */
export function createBoard(
  records: readonly FoundRecord[],
  { protagonist, margin = 0.01, problems = [] }: BoardOptions,
): Board {
  const resampling = { bootstrap: createBootstrap(), signTest: createSignTest() };
  const groups = Map.groupBy(records, ({ record }) => sectionKey(record.start.cell));
  const sections = [...groups.values()].map((group) => {
    const label = labeller(group.map(({ record }) => record.start.cell));
    const { kept, problems } = pairable(
      group.map((found) => runOf(found, label(found.record.start.cell))),
    );
    return { section: sectionOf(kept, protagonist, margin, resampling), problems };
  });
  return {
    edition: 2,
    protagonist,
    margin,
    sections: sections.map(({ section }) => section),
    problems: [...problems, ...sections.flatMap((section) => section.problems)],
  };
}

function sectionOf(
  unsorted: readonly SectionRun[],
  protagonist: string,
  margin: number,
  resampling: Resampling,
): BoardSection {
  const first = unsorted[0]!.cell;
  const methods = methodsOf(unsorted);
  const labels = methods.map(({ label }) => label);
  const runs = unsorted.toSorted(({ cell: a }, { cell: b }) =>
    a.tasks - b.tasks || a.orderSeed - b.orderSeed || a.trainSeed - b.trainSeed
  );
  const done = runs.filter(({ status }) => status === "done");
  const accuracy = first.edition === 1 ? "taskMean" : "pooled";
  const scopes = scopesOf(done, labels, accuracy);
  const rivals = rivalsByClass(methods);
  const own = methods.filter(({ method }) => method === protagonist);
  const others = (rivals.get(classOf(protagonist)) ?? [])
    .filter((label) => !own.some((variant) => variant.label === label));
  const anchors = {
    floor: methods.find(({ method }) => cardOf(method)?.anchor === "floor")?.label,
    bound: methods.find(({ method }) => cardOf(method)?.anchor === "bound")?.label,
  };
  const tasks = [...new Set(runs.map((run) => run.tasks))];
  const fixed = fixedParts(first);
  const overlap = overlapOfRuns(runs);
  const section = {
    id: hashJson(sectionKey(first)).slice(0, 12),
    fixed,
    description: describeSection(fixed, runs.length, overlap),
    ...(overlap.length > 0 && { overlap }),
    tasks,
    accuracy,
    ...(anchors.floor !== undefined && { floor: anchors.floor }),
    ...(anchors.bound !== undefined && { bound: anchors.bound }),
    methods,
    entries: tasks.flatMap((count) => {
      const scope = scopes.find((scope) => scope.tasks === count);
      return entriesOf(count, labels, runs.filter((run) => run.tasks === count), scope, anchors, resampling);
    }),
    comparisons: scopes.flatMap((scope) =>
      [...rivals.values()].flatMap((group) => comparePairs(group, scope, margin, resampling))
    ),
    rankings: scopes.flatMap((scope) =>
      [...rivals].flatMap(([kind, group]) => rank(kind, group, scope) ?? [])
    ),
    leads: classOf(protagonist) === "bound"
      ? []
      : scopes.flatMap((scope) => own.flatMap(({ label }) => leadOf(label, others, scope, resampling) ?? [])),
    runs: runs.map(({ cell: _, overlap: __, ...run }) => run),
  } as const;
  return { ...section, verdict: verdictOf(section, protagonist, margin) };
}

function methodsOf(runs: readonly SectionRun[]): BoardMethod[] {
  const firsts = new Map<string, SectionRun>();
  for (const run of runs) if (!firsts.has(run.method)) firsts.set(run.method, run);
  return [...firsts].map(([label, { cell: { method, options } }]) => {
    const card = cardOf(method);
    return { label, method, options, class: classOf(method), ...(card && { family: card.family }) };
  });
}

/** Every method at one number of tasks. */
function entriesOf(
  tasks: number,
  labels: readonly string[],
  runs: readonly SectionRun[],
  scope: Scope | undefined,
  anchors: { readonly floor: string | undefined; readonly bound: string | undefined },
  { bootstrap }: Resampling,
): BoardEntry[] {
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  const byMethod = Map.groupBy(runs, ({ method }) => method);
  return labels.map((method) => {
    const all = byMethod.get(method) ?? [];
    const done = all.filter(({ status }) => status === "done");
    const failed = all.filter(({ status }) => status === "failed").map(({ seed }) => seed);
    const figures = figureNames.flatMap((name) => {
      const found = estimate(done.flatMap((run) => run.figures[name] ?? []), bootstrap);
      return found ? [[name, found] as const] : [];
    });
    const gapClosed = estimate(scope ? gapsClosed(method, scope, anchors) : [], bootstrap);
    return {
      method,
      tasks,
      figures: Object.fromEntries(figures),
      ...(gapClosed && { gapClosed }),
      runs: done.map(({ name }) => name),
      failed,
      missing: seeds.filter((seed) => !failed.includes(seed) && !done.some((run) => run.seed === seed)),
    };
  });
}

/** By block, of those on which the bound is above the floor. */
function gapsClosed(
  method: string,
  { accuracy }: Scope,
  { floor, bound }: { readonly floor: string | undefined; readonly bound: string | undefined },
): number[] {
  if (floor === undefined || bound === undefined) return [];
  const [own, low, high] = [method, floor, bound].map((label) => accuracy.get(label)!);
  return [...own!].flatMap((value, block) => {
    const [gap, whole] = [value - low![block]!, high![block]! - low![block]!];
    return whole > 0 && !Number.isNaN(gap) ? [gap / whole] : [];
  });
}

/** What a page shows of single runs; records of the first edition have no counts, and are left out. */
export function detailsOf(records: readonly FoundRecord[]): RunDetail[] {
  return records.flatMap(({ record }) => {
    if (isEdition1(record)) return [];
    const families = record.tasks.map(({ families }) => families);
    return [{
      name: cellName(record.start.cell),
      images: record.tasks.map(({ images }) => images.test),
      hits: record.tasks.map(({ evaluation }) => evaluation?.classIncremental ?? null),
      ...(families.every((own) => own !== undefined) && families.length > 0 && { families }),
      facts: record.tasks.map(({ facts }) => facts),
    }];
  });
}
