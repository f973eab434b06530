/**
 * Accuracy of each task of a run after each later task, and mean ranks.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { shorten } from "./ink.ts";
import { type ChartOptions, type Figure, frame, pointed } from "./series.ts";

/** Accuracy of a task after a task, both from 1. */
export interface TaskScore {
  readonly task: number;
  readonly after: number;
  readonly accuracy: number;
}

/** How the curves are drawn. */
export interface CurveOptions extends Pick<ChartOptions, "ink" | "width" | "description" | "axis" | "tick"> {
  title(score: TaskScore): string;
}

/** A line per task, from its training on. */
export function forgettingChart(scores: readonly TaskScore[], options: CurveOptions): Figure {
  const { ink, width, axis, tick } = options;
  const stages = Math.max(...scores.map(({ after }) => after));
  const at = { x: "after", y: "accuracy" };
  const color = ({ task }: TaskScore) =>
    `color-mix(in oklab, ${ink.series[4]} ${(100 * task / stages).toFixed(1)}%, ${ink.series[1]})`;
  return Plot.plot({
    ...frame(options),
    height: 280,
    marginLeft: 46,
    marginRight: 34,
    marginTop: 26,
    marginBottom: 44,
    x: { domain: [1, Math.max(2, stages)], label: null },
    y: { domain: [0, Math.max(0.01, ...scores.map(({ accuracy }) => accuracy))], nice: true, label: null },
    marks: [
      Plot.gridY({ ticks: 6, stroke: ink.grid, strokeOpacity: 1 }),
      Plot.axisX({
        ticks: Math.min(stages, width < 520 ? 6 : 12),
        tickFormat: "d",
        label: "After task",
        labelAnchor: "center",
        labelArrow: "none",
        tickSize: 4,
      }),
      Plot.axisY({ ticks: 6, tickFormat: tick, label: axis, labelArrow: "none", tickSize: 0 }),
      Plot.lineY(scores, { ...at, z: "task", stroke: color, strokeWidth: 1.75 }),
      Plot.dot(scores, { ...at, fill: color, r: stages > 25 ? 1.5 : 2.5 }),
      Plot.dot(scores.filter(({ task, after }) => task === after), {
        ...at,
        r: 4,
        stroke: ink.text,
        strokeWidth: 1.25,
      }),
      pointed(scores, at, options),
    ],
  });
}

/** A method's mean rank. */
export interface Rank {
  readonly method: string;
  readonly rank: number;
}

/** How ranks are drawn. */
export interface RankOptions extends Pick<ChartOptions, "ink" | "width" | "description"> {
  readonly criticalDifference: number;
  readonly protagonist: (method: string) => boolean;
  title(rank: Rank): string;
}

/** Ranks with bars as long as the critical difference: methods whose bars do not meet are told apart. */
export function rankChart(ranks: readonly Rank[], options: RankOptions): Figure {
  const { ink, width, criticalDifference, protagonist } = options;
  const most = width < 520 ? 16 : 30;
  const longest = Math.max(4, ...ranks.map(({ method }) => [...shorten(method, most)].length));
  const half = criticalDifference / 2;
  const ends = [ranks[0]!.rank - half, ranks.at(-1)!.rank + half] as const;
  const step = Math.max(1, Math.ceil((ends[1] - 1) / (width < 520 ? 5 : 12)));
  // There is no rank before the first, though a bar may reach there.
  const ticks = Array.from({ length: Math.floor((ends[1] - 1) / step) + 1 }, (_, i) => 1 + i * step);
  const color = ({ method }: Rank) => protagonist(method) ? ink.series[0]! : ink.series[1]!;
  const at = { x: "rank", y: "method" };
  return Plot.plot({
    ...frame(options),
    height: 56 + 22 * ranks.length,
    marginLeft: 16 + Math.ceil(6.9 * longest),
    marginRight: 20,
    marginTop: 8,
    marginBottom: 44,
    x: { domain: [ends[0], ends[1]], label: null },
    y: { domain: ranks.map(({ method }) => method), label: null },
    marks: [
      Plot.gridX({ stroke: ink.grid, strokeOpacity: 1, ticks }),
      Plot.axisX({
        ticks,
        tickSize: 0,
        label: "Mean rank, 1 is best",
        labelAnchor: "center",
        labelArrow: "none",
      }),
      Plot.axisY({ tickSize: 0, label: null, tickFormat: (method: string) => shorten(method, most) }),
      Plot.ruleY(ranks, {
        y: "method",
        x1: (d: Rank) => d.rank - half,
        x2: (d: Rank) => d.rank + half,
        stroke: color,
        strokeWidth: 6,
        strokeOpacity: 0.28,
      }),
      Plot.dot(ranks, { ...at, r: 4.5, fill: color }),
      pointed(ranks, at, options),
    ],
  });
}
