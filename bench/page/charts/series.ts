/**
 * Means of methods against the number of tasks, with their intervals: lines where several numbers of tasks were
 * run, rows of points where it is one.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import type { Estimate } from "../../../src/protocol/mod.ts";
import type { Ink, Look, Role } from "./ink.ts";
import { shorten } from "./ink.ts";

/** A method in a plot. */
export interface Series {
  readonly label: string;
  readonly role: Role;
  readonly look: Look;
  readonly points: readonly SeriesPoint[];
}

/** A mean of a method. */
export interface SeriesPoint {
  readonly tasks: number;
  readonly estimate: Estimate;
}

/** What a plot shows under the pointer. */
export interface Mark extends SeriesPoint {
  readonly label: string;
}

/** How a plot is drawn. */
export interface ChartOptions {
  readonly ink: Ink;
  /** CSS pixels. */
  readonly width: number;
  /** Said to those who do not see it. */
  readonly description: string;
  /** Of the axis of values. */
  readonly axis: string;
  /** Writes a value at a tick. */
  tick(value: number): string;
  /** Writes a mark out. */
  title(mark: Mark): string;
  /** Whether a line stands at zero. */
  readonly zero?: boolean;
}

/** What Plot returns. */
export type Figure = ReturnType<typeof Plot.plot>;

/** Lines, or rows if there is one number of tasks only. */
export function seriesChart(series: readonly Series[], options: ChartOptions): Figure {
  const tasks = [...new Set(series.flatMap(({ points }) => points.map((point) => point.tasks)))];
  return tasks.length > 1 ? lines(series, tasks.sort((a, b) => a - b), options) : rows(series, options);
}

/** Mean and interval; the mean alone where there is none. */
function extent({ mean, interval }: Estimate): readonly [number, number] {
  return interval ?? [mean, mean];
}

function domainOf(series: readonly Series[], zero: boolean | undefined): [number, number] {
  const ends = series.flatMap(({ points }) => points.flatMap(({ estimate }) => extent(estimate)));
  const [low, high] = [Math.min(...ends, ...(zero ? [0] : [])), Math.max(...ends, ...(zero ? [0] : []))];
  const room = 0.06 * (high - low || Math.abs(high) || 1);
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

/** What all plots have in common. */
export function frame({ ink, width, description }: Pick<ChartOptions, "ink" | "width" | "description">) {
  return {
    document: ink.document,
    className: "plot",
    width,
    ariaLabel: description,
    style: { color: ink.text, background: "transparent", fontSize: "12px", fontFamily: "inherit" },
  } as const;
}

function lines(series: readonly Series[], tasks: readonly number[], options: ChartOptions): Figure {
  const { ink, width, axis, tick, zero } = options;
  const isWide = width >= 520;
  const longest = Math.max(0, ...series.map(({ label }) => [...shorten(label)].length));
  const marginRight = isWide ? 18 + Math.ceil(6.9 * longest) : 14;
  const height = Math.round(Math.min(440, Math.max(260, 0.5 * width)));
  const y = domainOf(series, zero);
  const drawn = [...series].sort((a, b) => order(a.role) - order(b.role));
  const marksOf = ({ label, points }: Series): Mark[] => points.map((point) => ({ ...point, label }));
  const build = (labels: readonly Label[]) =>
    Plot.plot({
      ...frame(options),
      height,
      marginLeft: 46,
      marginRight,
      marginTop: 26,
      marginBottom: 40,
      x: {
        type: "log",
        domain: [tasks[0]!, tasks.at(-1)!],
        ticks: [...tasks],
        tickFormat: (n) => `${n}`,
        label: null,
      },
      y: { domain: y, label: null, ticks: 6, tickFormat: tick },
      marks: [
        Plot.gridY({ ticks: 6, stroke: ink.grid, strokeOpacity: 1 }),
        Plot.axisX({
          ticks: [...tasks],
          tickFormat: (n) => `${n}`,
          label: "Number of tasks",
          labelAnchor: "center",
          labelArrow: "none",
          tickSize: 4,
        }),
        Plot.axisY({ ticks: 6, tickFormat: tick, label: axis, labelArrow: "none", tickSize: 0 }),
        zero ? Plot.ruleY([0], { stroke: ink.text, strokeWidth: 1 }) : null,
        drawn.filter(({ role }) => role === "protagonist").map((one) =>
          Plot.areaY(marksOf(one).filter(({ estimate }) => estimate.interval), {
            x: "tasks",
            y1: (d: Mark) => extent(d.estimate)[0],
            y2: (d: Mark) => extent(d.estimate)[1],
            fill: one.look.color,
            fillOpacity: 0.12,
          })
        ),
        drawn.map((one) => [
          Plot.ruleX(marksOf(one).filter(({ estimate }) => estimate.interval), {
            x: "tasks",
            y1: (d: Mark) => extent(d.estimate)[0],
            y2: (d: Mark) => extent(d.estimate)[1],
            stroke: one.look.color,
            strokeWidth: 1.5,
            strokeOpacity: 0.55,
          }),
          Plot.lineY(marksOf(one), {
            x: "tasks",
            y: (d: Mark) => d.estimate.mean,
            stroke: one.look.color,
            strokeWidth: one.role === "protagonist" ? 2.75 : 1.75,
            ...(one.look.dash ? { strokeDasharray: one.look.dash } : {}),
          }),
          Plot.dot(marksOf(one), {
            x: "tasks",
            y: (d: Mark) => d.estimate.mean,
            symbol: one.look.symbol,
            r: one.role === "protagonist" ? 4.5 : 3.5,
            fill: ink.paper,
            stroke: one.look.color,
            strokeWidth: 1.75,
          }),
        ]),
        Plot.text(labels, {
          x: "x",
          y: "y",
          text: "text",
          dx: 10,
          textAnchor: "start",
          fill: "color",
          fontWeight: 600,
        }),
        pointed(drawn.flatMap(marksOf), { x: "tasks", y: (d: Mark) => d.estimate.mean }, options),
      ],
    });
  if (!isWide) return build([]);
  const scale = build([]).scale("y")!;
  return build(endLabels(drawn, tasks.at(-1)!, scale.apply, scale.invert!));
}

/** A name at the end of a line. */
interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly color: string;
}

/** Names beside the ends of lines, moved apart until none covers another. */
function endLabels(
  series: readonly Series[],
  last: number,
  toPixel: (value: number) => number,
  fromPixel: (pixel: number) => number,
): Label[] {
  const ends = series.flatMap((one) => {
    const end = one.points.findLast(({ tasks }) => tasks === last) ?? one.points.at(-1);
    return end ? [{ one, at: toPixel(end.estimate.mean) }] : [];
  }).sort((a, b) => a.at - b.at);
  const spacing = 15;
  for (let i = 1; i < ends.length; i++) ends[i]!.at = Math.max(ends[i]!.at, ends[i - 1]!.at + spacing);
  // What ran over the bottom moves everything above it up again.
  const bottom = Math.max(...series.flatMap(({ points }) => points.map((p) => toPixel(p.estimate.mean)))) +
    12;
  for (let i = ends.length - 1; i >= 0; i--) {
    ends[i]!.at = Math.min(ends[i]!.at, bottom - spacing * (ends.length - 1 - i));
  }
  return ends.map(({ one, at }) => ({
    x: last,
    y: fromPixel(at),
    text: shorten(one.label),
    color: one.look.color,
  }));
}

function order(role: Role): number {
  return { reference: 0, rival: 1, protagonist: 2 }[role];
}

function rows(series: readonly Series[], options: ChartOptions): Figure {
  const { ink, width, axis, tick, zero } = options;
  const filled = series.filter(({ points }) => points.length > 0)
    .toSorted((a, b) => b.points[0]!.estimate.mean - a.points[0]!.estimate.mean);
  const most = width < 520 ? 16 : 30;
  const names = new Map(filled.map(({ label }) => [label, shorten(label, most)]));
  const longest = Math.max(4, ...[...names.values()].map((name) => [...name].length));
  const marks = filled.map(({ label, look, role, points }) => ({ ...points[0]!, label, look, role }));
  const at = { y: "label", x: (d: Mark) => d.estimate.mean };
  return Plot.plot({
    ...frame(options),
    height: 64 + 25 * filled.length,
    marginLeft: 16 + Math.ceil(6.9 * longest),
    marginRight: 24,
    marginTop: 12,
    marginBottom: 44,
    x: { domain: domainOf(filled, zero), label: null, insetLeft: 10 },
    y: { domain: filled.map(({ label }) => label), label: null },
    marks: [
      Plot.gridX({ ticks: width < 520 ? 4 : 8, stroke: ink.grid, strokeOpacity: 1 }),
      Plot.axisX({
        ticks: width < 520 ? 4 : 8,
        tickFormat: tick,
        label: axis,
        labelAnchor: "center",
        labelArrow: "none",
        tickSize: 0,
      }),
      Plot.axisY({ tickSize: 0, tickFormat: (label: string) => names.get(label) ?? label, label: null }),
      zero ? Plot.ruleX([0], { stroke: ink.text, strokeWidth: 1 }) : null,
      Plot.ruleY(marks.filter(({ estimate }) => estimate.interval), {
        y: "label",
        x1: (d: Mark) => extent(d.estimate)[0],
        x2: (d: Mark) => extent(d.estimate)[1],
        stroke: (d: { look: Look }) => d.look.color,
        strokeWidth: 2,
        strokeOpacity: 0.6,
      }),
      marks.map((mark) =>
        Plot.dot([mark], {
          ...at,
          symbol: mark.look.symbol,
          r: mark.role === "protagonist" ? 5.5 : 4.5,
          fill: ink.paper,
          stroke: mark.look.color,
          strokeWidth: 2,
        })
      ),
      pointed(marks, at, options),
    ],
  });
}

/** A note beside the mark nearest to the pointer. */
export function pointed<T>(
  marks: readonly T[],
  at: Readonly<Record<"x" | "y", string | ((mark: T) => number)>>,
  { ink, title }: { readonly ink: Ink; title(mark: T): string },
) {
  return Plot.tip(
    marks,
    Plot.pointer(
      { ...at, title, fill: ink.paper, stroke: ink.muted, fontSize: 12, lineHeight: 1.35 } as Plot.TipOptions,
    ),
  );
}
