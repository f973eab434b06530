/**
 * Numbers of a view: values of figures by stream and seed, and what their pairs say.
 *
 * @module
 */
import {
  type BlockValues,
  type BoardMethod,
  chooseRivals,
  type ChosenRival,
  type PairedDifference,
  pairedDifference,
  type Power,
  powersOf,
} from "../../src/protocol/mod.ts";
import { GAP_CLOSED, type StudyFigure } from "./figures.ts";
import type { View } from "./views.ts";

/** A number of tasks and a seed, as one text. */
function blockOf(tasks: number, seed: string): string {
  return `${tasks} ${seed}`;
}

function tasksOf(block: string): number {
  return Number(block.slice(0, block.indexOf(" ")));
}

function seedOf(block: string): string {
  return block.slice(block.indexOf(" ") + 1);
}

type Values = ReadonlyMap<string, BlockValues>;

const known = new WeakMap<View, Map<string, Values>>();

/** Values of a figure by the label of the method and by block: of the finished runs that have it. */
export function valuesOf(view: View, figure: StudyFigure): Values {
  const ofView = known.get(view) ?? new Map<string, Values>();
  known.set(view, ofView);
  const values = ofView.get(figure.name) ?? readValues(view, figure);
  ofView.set(figure.name, values);
  return values;
}

function readValues(view: View, figure: StudyFigure): Values {
  if (!view.found) return new Map();
  const { section, records } = view.found;
  if (figure.name === GAP_CLOSED.name) return gapsClosed(view);
  const values = new Map<string, Map<string, number>>(section.methods.map(({ label }) => [label, new Map()]));
  for (const run of section.runs) {
    const value = run.status === "done" ? figure.of(run, records.get(run.name)!) : undefined;
    if (value !== undefined) values.get(run.method)!.set(blockOf(run.tasks, run.seed), value);
  }
  return values;
}

/** Numbers of tasks at which the room between floor and bound is within ten standard errors, and both. */
export function tooNarrow({ found }: View): Power[] {
  return found ? powersOf(found.section).filter(({ isDeciding }) => isDeciding === false) : [];
}

/** As the board has it: by block, where the bound is above the floor. */
function gapsClosed({ found }: View): Values {
  const { section } = found!;
  const accuracy = new Map<string, Map<string, number>>();
  for (const { status, method, tasks, seed, figures } of section.runs) {
    const value = figures[section.accuracy];
    if (status !== "done" || value === undefined) continue;
    const own = accuracy.get(method) ?? new Map<string, number>();
    accuracy.set(method, own.set(blockOf(tasks, seed), value));
  }
  const [floor, bound] = [accuracy.get(section.floor ?? ""), accuracy.get(section.bound ?? "")];
  return new Map([...accuracy].map(([label, own]) => [
    label,
    new Map([...own].flatMap(([block, value]) => {
      const low = floor?.get(block) ?? NaN;
      const whole = (bound?.get(block) ?? NaN) - low;
      return whole > 0 ? [[block, (value - low) / whole] as const] : [];
    })),
  ]));
}

function at(values: BlockValues | undefined, tasks: number): [seed: string, value: number][] {
  return [...values ?? []].filter(([block]) => tasksOf(block) === tasks)
    .map(([block, value]) => [seedOf(block), value]);
}

/** Numbers of tasks at which a view has finished runs, ascending. */
export function tasksFound({ found }: View): number[] {
  const done = found?.section.runs.filter(({ status }) => status === "done") ?? [];
  return [...new Set(done.map(({ tasks }) => tasks))].sort((a, b) => a - b);
}

/** Values of one method at one number of tasks, with their mean over seeds; `undefined` if there are none. */
export function meanOf(
  view: View,
  figure: StudyFigure,
  label: string,
  tasks: number,
): PairedDifference | undefined {
  return pairedDifference(at(valuesOf(view, figure).get(label), tasks).map(([, value]) => value));
}

/** What two methods have on the seeds that both have, combined. */
function pairs(
  view: View,
  figure: StudyFigure,
  [a, b]: readonly [string, string],
  tasks: number,
  combine: (a: number, b: number) => number,
): number[] {
  const values = valuesOf(view, figure);
  const others = new Map(at(values.get(b), tasks));
  return at(values.get(a), tasks).flatMap(([seed, value]) => {
    const other = others.get(seed);
    return other === undefined ? [] : [combine(value, other)];
  });
}

/** a − b, paired by stream and seed. */
export function differenceOf(
  view: View,
  figure: StudyFigure,
  labels: readonly [a: string, b: string],
  tasks: number,
): PairedDifference | undefined {
  return pairedDifference(pairs(view, figure, labels, tasks, (a, b) => a - b));
}

/** Geometric mean of a ratio with its interval. */
export interface Ratio {
  readonly n: number;
  readonly mean: number;
  readonly interval?: readonly [number, number];
  readonly p?: number;
}

/** a / b, paired by stream and seed: of the logarithms, of which the interval is one of differences. */
export function ratioOf(
  view: View,
  figure: StudyFigure,
  labels: readonly [a: string, b: string],
  tasks: number,
): Ratio | undefined {
  const logs = pairs(view, figure, labels, tasks, (a, b) => Math.log(a / b));
  const found = pairedDifference(logs.filter(Number.isFinite));
  if (!found) return undefined;
  const { n, mean, interval, p } = found;
  return {
    n,
    mean: Math.exp(mean),
    ...(interval && { interval: [Math.exp(interval[0]), Math.exp(interval[1])] as const }),
    ...(p !== undefined && { p }),
  };
}

/** A difference to the best rival, chosen for each seed on the others. */
export interface StudyLead {
  readonly difference: PairedDifference;
  /** Who was chosen, the most often first. */
  readonly rivals: readonly string[];
}

/** Whom a method is compared with: others of its class, without other variants of it and without some by name. */
export function rivalsOf(view: View, own: BoardMethod, without: readonly string[]): string[] {
  return (view.found?.section.methods ?? [])
    .filter((one) => one.class === own.class && one.method !== own.method && !without.includes(one.label))
    .map(({ label }) => label);
}

function chosen(
  view: View,
  figure: StudyFigure,
  own: BoardMethod,
  without: readonly string[],
  isUsed: (tasks: number) => boolean,
): ChosenRival[] {
  const values = valuesOf(view, figure);
  const used = (label: string) =>
    new Map([...values.get(label) ?? []].filter(([block]) => isUsed(tasksOf(block))));
  const rivals = new Map(rivalsOf(view, own, without).map((label) => [label, used(label)]));
  return chooseRivals(used(own.label), rivals, seedOf, figure.better);
}

function namesIn(choices: readonly ChosenRival[]): string[] {
  const counts = new Map<string, number>();
  for (const { rival } of choices) counts.set(rival, (counts.get(rival) ?? 0) + 1);
  return [...counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).map(([name]) => name);
}

/** The lead of a method at a number of tasks; `undefined` where there is none to choose. */
export function leadOf(
  view: View,
  figure: StudyFigure,
  own: BoardMethod,
  tasks: number,
  without: readonly string[] = [],
): StudyLead | undefined {
  const choices = chosen(view, figure, own, without, (count) => count === tasks);
  const difference = pairedDifference(choices.flatMap(({ differences }) => differences));
  return difference && { difference, rivals: namesIn(choices) };
}

/**
 * How a lead changes when the number of tasks doubles: for each seed, the slope of a least-squares line through its
 * differences against log2 T, to the rival that is best over all T of the other seeds. `undefined` below two T.
 */
export function slopeOf(
  view: View,
  figure: StudyFigure,
  own: BoardMethod,
  without: readonly string[] = [],
  tasks?: readonly number[],
): StudyLead | undefined {
  const choices = chosen(view, figure, own, without, (count) => tasks?.includes(count) ?? true);
  const blocks = [...valuesOf(view, figure).get(own.label) ?? []].map(([block]) => block)
    .filter((block) => tasks?.includes(tasksOf(block)) ?? true);
  const slopes = choices.flatMap(({ seed, differences }) => {
    const x = blocks.filter((block) => seedOf(block) === seed).map((block) => Math.log2(tasksOf(block)));
    return slope(x, differences) ?? [];
  });
  const difference = pairedDifference(slopes);
  return difference && { difference, rivals: namesIn(choices) };
}

/** Of the least-squares line; `undefined` of fewer than two x. */
function slope(x: readonly number[], y: readonly number[]): number | undefined {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [cx, cy] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - cx) ** 2, 0);
  if (!(spread > 0)) return undefined;
  return x.reduce((sum, value, i) => sum + (value - cx) * (y[i]! - cy), 0) / spread;
}
