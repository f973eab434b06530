/**
 * The main plots as SVG, for READMEs: on white, in plain colours, without code.
 *
 * @module
 */
import { parseHTML } from "linkedom";
import type { Board, BoardSection } from "../../src/protocol/mod.ts";
import { costChart, type CostPoint } from "./charts/costs.ts";
import { type Ink, lightSeries } from "./charts/ink.ts";
import { estimateOf, formatTick, metricNamed } from "./charts/metrics.ts";
import { type ChartOptions, type Figure, type Series, seriesChart } from "./charts/series.ts";
import { entriesOf, firstShown, firstTasks, growthSeries, leadSeries, looksOf, roleOf } from "./model.ts";
import { visible } from "./payload.ts";

/** On white. */
export function pictureInk(): Ink {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  return {
    document: document as unknown as Document,
    series: lightSeries,
    muted: "#5b6470",
    grid: "#e3e6ea",
    paper: "#ffffff",
    text: "#16191d",
    heat: { low: "#f1f4f8", high: "#62a0e6", below: "#e5a04b" },
  };
}

/** Pictures of every section by the name of their file: growth, gap closed, lead and costs, where there is one. */
export function renderPlots(board: Board): Record<string, string> {
  const pictures: Record<string, string> = {};
  for (const section of board.sections) {
    const suffix = board.sections.length === 1 ? "" : `-${section.id.replaceAll(/[^\w-]/g, "")}`;
    for (const [name, svg] of Object.entries(sectionPlots(board, section))) {
      pictures[`${name}${suffix}.svg`] = svg;
    }
  }
  return pictures;
}

function sectionPlots(board: Board, section: BoardSection): Record<string, string> {
  const ink = pictureInk();
  const tasks = firstTasks(board, section);
  const shown = firstShown(board, section, tasks);
  const looks = looksOf(board, section, shown, ink);
  const plots: Record<string, string> = {};
  const add = (name: string, title: string, figure: Figure) => {
    plots[name] = pictureOf(figure, visible(`${title}: ${section.description}`));
  };
  const common = { ink, width: 820, title: () => "" };
  const percent = (axis: string): ChartOptions => ({
    ...common,
    axis,
    description: axis,
    tick: (value) => formatTick(value, "percent"),
  });
  const draw = (name: string, title: string, axis: string, series: Series[], zero = false) => {
    if (series.length > 0) add(name, title, seriesChart(series.map(inert), { ...percent(axis), zero }));
  };
  draw(
    "growth",
    "Accuracy in the end",
    "Accuracy in the end, %",
    growthSeries(section, looks, section.accuracy),
  );
  draw(
    "gap",
    "Gap closed",
    "Gap between floor and bound closed, %",
    growthSeries(section, looks, "gapClosed"),
  );
  const protagonist = section.methods.find((method) => roleOf(board, section, method) === "protagonist")
    ?.label;
  if (protagonist !== undefined) {
    const title = visible(`${protagonist} minus each rival`);
    draw("lead", title, `${title}, points`, leadSeries(section, looks, protagonist), true);
  }
  for (const cost of ["keptBytes", "seconds", "flopPerTestImage"] as const) {
    const points = costPoints(board, section, tasks, looks, cost);
    const { unit, long } = metricNamed(cost)!;
    if (points.length < 2) continue;
    const figure = costChart(points, {
      ...percent("Accuracy in the end, %"),
      costAxis: `${long}, T = ${tasks}`,
      costUnit: unit,
      title: () => "",
    });
    add(`cost-${cost}`, `Accuracy against ${long.toLowerCase()}`, figure);
  }
  return plots;
}

function inert(series: Series): Series {
  return { ...series, label: visible(series.label) };
}

function costPoints(
  board: Board,
  section: BoardSection,
  tasks: number,
  looks: ReturnType<typeof looksOf>,
  cost: "keptBytes" | "seconds" | "flopPerTestImage",
): CostPoint[] {
  const entryOf = entriesOf(section);
  return section.methods.flatMap((method): CostPoint[] => {
    const entry = entryOf(method.label, tasks);
    const [x, y] = [cost, section.accuracy].map((name) => entry && estimateOf(entry, name)?.mean);
    if (x === undefined || y === undefined) return [];
    const look = looks.get(method.label)?.look;
    const role = roleOf(board, section, method);
    const isBound = method.class === "bound";
    return [{ label: visible(method.label), cost: x, accuracy: y, role, isBound, ...(look ? { look } : {}) }];
  });
}

/** An element as a file of its own. */
function pictureOf(figure: Figure, title: string): string {
  const { ownerDocument } = figure;
  const name = ownerDocument.createElementNS("http://www.w3.org/2000/svg", "title");
  name.textContent = title;
  const paper = ownerDocument.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of Object.entries({ width: "100%", height: "100%", fill: "#ffffff" })) {
    paper.setAttribute(key, value);
  }
  figure.prepend(name, paper);
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  figure.setAttribute("role", "img");
  figure.setAttribute("font-family", "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif");
  return `${figure.outerHTML}\n`;
}
