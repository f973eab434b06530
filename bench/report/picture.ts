/**
 * The plots of a report as SVG, drawn by Observable Plot.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { BarPlot, LinePlot } from "./parts.ts";

/** Told apart without seeing colours, too: the second is dashed. */
const COLOURS = ["#1f5fa8", "#b3541e"];
const DASHES = ["0", "6 4"];

/** One SVG, with its title as text for those who cannot see it. */
export function picture(plot: LinePlot | BarPlot): string {
  const page = parseHTML("<!doctype html><html><body></body></html>") as unknown;
  const { document } = page as { readonly document: NonNullable<Plot.PlotOptions["document"]> };
  const common = {
    document,
    width: 720,
    height: 300,
    marginLeft: 50,
    ariaLabel: plot.title,
    style: { background: "#ffffff", color: "#16191d", fontSize: "12px" },
  };
  const drawn = plot.kind === "lines" ? lines(plot, common) : bars(plot, common);
  drawn.setAttribute("role", "img");
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return drawn.outerHTML;
}

function lines({ x, y, lines }: LinePlot, common: Plot.PlotOptions) {
  const marks = lines.flatMap(({ name, values }, line) => {
    const points = values.flatMap((value, i) => value === null ? [] : [{ x: i + 1, y: 100 * value }]);
    const last = points.at(-1);
    return [
      Plot.line(points, {
        x: "x",
        y: "y",
        stroke: COLOURS[line % COLOURS.length]!,
        strokeDasharray: DASHES[line % DASHES.length]!,
        strokeWidth: 2,
      }),
      Plot.dot(points, { x: "x", y: "y", r: 2.5, fill: COLOURS[line % COLOURS.length]! }),
      ...(last
        ? [
          Plot.text([last], {
            x: "x",
            y: "y",
            text: () => name,
            textAnchor: "end",
            dy: -12,
            fill: "#16191d",
          }),
        ]
        : []),
    ];
  });
  const count = Math.max(...lines.map(({ values }) => values.length));
  return Plot.plot({
    ...common,
    x: {
      label: x,
      domain: [1, Math.max(2, count)],
      ticks: Math.min(count, 20),
      tickFormat: (d: number) => `${d}`,
    },
    y: { label: y, grid: true, zero: true, nice: true },
    marks: [Plot.ruleY([0]), ...marks],
  });
}

function bars({ x, y, bars }: BarPlot, common: Plot.PlotOptions) {
  const named = bars.map(({ name, value }) => ({ name, value: 100 * value }));
  return Plot.plot({
    ...common,
    x: { label: x, domain: named.map(({ name }) => name) },
    y: { label: y, grid: true },
    marks: [Plot.barY(named, { x: "name", y: "value", fill: COLOURS[0]! }), Plot.ruleY([0])],
  });
}
