/**
 * Accuracy against what it costs, with the front that no method beats on both.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import type { Look, Role } from "./ink.ts";
import { shorten } from "./ink.ts";
import { formatTick, type Unit } from "./metrics.ts";
import { type ChartOptions, type Figure, frame, pointed } from "./series.ts";

/** A method, by its means. */
export interface CostPoint {
  readonly label: string;
  readonly cost: number;
  readonly accuracy: number;
  readonly role: Role;
  /** Nobody competes with it. */
  readonly isBound: boolean;
  /** Of a method that is chosen; the others step back. */
  readonly look?: Look;
}

/** How it is drawn. */
export interface CostOptions extends Pick<ChartOptions, "ink" | "width" | "description" | "axis" | "tick"> {
  /** Of the horizontal axis. */
  readonly costAxis: string;
  readonly costUnit: Unit;
  title(point: CostPoint): string;
}

/** Those that no other equals or beats on both, by cost; bounds aside. */
export function paretoFront(points: readonly CostPoint[]): CostPoint[] {
  const sorted = points.filter(({ isBound }) => !isBound)
    .toSorted((a, b) => a.cost - b.cost || b.accuracy - a.accuracy);
  let best = -Infinity;
  return sorted.filter(({ accuracy }) => {
    const isBetter = accuracy > best;
    best = Math.max(best, accuracy);
    return isBetter;
  });
}

/** The plot. Costs are on a logarithmic scale unless some are zero or all are near. */
export function costChart(points: readonly CostPoint[], options: CostOptions): Figure {
  const { ink, width, axis, tick, costAxis, costUnit } = options;
  const costTick = (value: number) => formatTick(value, costUnit);
  const front = paretoFront(points);
  const costs = points.map(({ cost }) => cost);
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const smallest = Math.min(...costs.filter((cost) => cost > 0));
  const isWideRange = most > 20 * (smallest || 1);
  const type = !isWideRange ? "linear" : least > 0 ? "log" : "symlog";
  const accuracies = points.map(({ accuracy }) => accuracy);
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  const room = 0.08 * (high - low || 0.1);
  const span = most - least || most || 1;
  const domain = type === "log"
    ? [least / 1.25, most * 1.25]
    : type === "linear"
    ? [Math.max(0, least - 0.05 * span), most + 0.05 * span]
    : [0, most * 1.25];
  const count = width < 520 ? 4 : 7;
  const powers = decades(smallest, most, count - 1, costUnit);
  const ticks = type === "linear" ? count : type === "symlog" ? [0, ...powers] : powers;
  const at = { x: "cost", y: "accuracy" };
  const build = (names: readonly PlacedName[]) =>
    Plot.plot({
      ...frame(options),
      height: Math.round(Math.min(440, Math.max(280, 0.5 * width))),
      marginLeft: 46,
      marginRight: 20,
      marginTop: 26,
      marginBottom: 44,
      x: { type, domain, label: null, ...(type === "symlog" ? { constant: smallest / 2 } : {}) },
      y: { domain: [low - room, high + room], label: null },
      marks: [
        Plot.gridY({ ticks: 6, stroke: ink.grid, strokeOpacity: 1 }),
        Plot.axisX(
          {
            ticks,
            tickFormat: costTick,
            label: costAxis,
            labelAnchor: "center",
            labelArrow: "none",
            tickSize: 4,
          } as Plot.AxisXOptions,
        ),
        Plot.axisY({ ticks: 6, tickFormat: tick, label: axis, labelArrow: "none", tickSize: 0 }),
        Plot.lineY(front, {
          ...at,
          curve: "step-after",
          stroke: ink.text,
          strokeWidth: 1.25,
          strokeDasharray: "5 3",
        }),
        Plot.dot(points.filter(({ look }) => !look), { ...at, r: 3, fill: ink.muted, fillOpacity: 0.45 }),
        points.filter(({ look }) => look).map((point) =>
          Plot.dot([point], {
            ...at,
            symbol: point.look!.symbol,
            r: point.role === "protagonist" ? 6 : 4.5,
            fill: ink.paper,
            stroke: point.look!.color,
            strokeWidth: 2,
          })
        ),
        names.map(({ point, text, left }) =>
          Plot.text([point], {
            ...at,
            text: () => text,
            dx: left ? -9 : 9,
            textAnchor: left ? "end" : "start",
            fill: point.look?.color ?? ink.text,
            fontWeight: point.role === "protagonist" ? 700 : 500,
            stroke: ink.paper,
            strokeWidth: 4,
          })
        ),
        pointed(points, at, options),
      ],
    });
  const draft = build([]);
  const place = (point: CostPoint) =>
    [draft.scale("x")!.apply(point.cost), draft.scale("y")!.apply(point.accuracy)] as const;
  const wanted = [
    ...points.filter(({ role }) => role === "protagonist"),
    ...front,
    ...points.filter(({ look }) => look),
  ];
  return build(placeNames([...new Set(wanted)], place, width));
}

/** Round costs between two, at most so many: powers of ten, of bytes within their units. */
function decades(least: number, most: number, count: number, unit: Unit): number[] {
  const base = unit === "bytes" ? 1024 : 1000;
  const all = Array.from({ length: 18 }, (_, i) => base ** Math.floor(i / 3) * 10 ** (i % 3))
    .concat(0.01, 0.1).filter((value) => value >= least && value <= most).sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(all.length / count));
  return all.filter((_, i) => i % step === 0);
}

interface PlacedName {
  readonly point: CostPoint;
  readonly text: string;
  readonly left: boolean;
}

/** Names right of their points, or left; those that would cover an earlier one are left out. */
function placeNames(
  points: readonly CostPoint[],
  place: (point: CostPoint) => readonly [number, number],
  width: number,
): PlacedName[] {
  const taken: (readonly [left: number, right: number, y: number])[] = [];
  return points.flatMap((point) => {
    const text = shorten(point.label, width < 520 ? 14 : 26);
    const [x, y] = place(point);
    const size = 7 * [...text].length;
    const fits = [false, true].find((left) => {
      const [from, to] = left ? [x - 9 - size, x - 9] : [x + 9, x + 9 + size];
      return from > 46 && to < width - 4 &&
        taken.every(([a, b, h]) => to < a || from > b || Math.abs(h - y) > 13);
    });
    if (fits === undefined) return [];
    taken.push(fits ? [x - 9 - size, x - 9, y] : [x + 9, x + 9 + size, y]);
    return [{ point, text, left: fits }];
  });
}
