/**
 * A report on a terminal: wrapped paragraphs, tables, and plots drawn with letters. No colours.
 *
 * @module
 */
import asciichart from "asciichart";
import { formatDense } from "../table.ts";
import type { BarPlot, LinePlot, Part, Report } from "./parts.ts";

/** Rows of a plot of lines. */
const HEIGHT = 10;
/** Widest plot of lines and longest bar, in characters. */
const [PLOT, BAR] = [72, 40];

/** Breaks text at blanks into lines of so many characters; what is longer stays whole. */
export function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** A value and where it stands. */
interface Point {
  readonly at: number;
  readonly value: number;
}

/** Values at so many places evenly spread from the first point to the last, on the lines between points. */
function stretch(points: readonly Point[], places: number): number[] {
  const [first, last] = [points[0]!, points.at(-1)!];
  return Array.from({ length: places }, (_, place) => {
    const at = first.at + place * (last.at - first.at) / (places - 1);
    const after = points.find((point) => point.at >= at) ?? last;
    const before = points.findLast((point) => point.at <= at) ?? first;
    if (after.at === before.at) return after.value;
    return before.value + (after.value - before.value) * (at - before.at) / (after.at - before.at);
  });
}

function drawLines({ title, x, y, lines }: LinePlot, width: number): string {
  const plots = lines.map(({ name, values }) => {
    const points = values.flatMap((value, i) => value === null ? [] : [{ at: i + 1, value: 100 * value }]);
    if (points.length < 2) {
      return `${name}, ${y}: ${points.map(({ at, value }) => `${value.toFixed(1)} ${x} ${at}`).join("")}\n`;
    }
    const [first, last] = [points[0]!.at, points.at(-1)!.at];
    const places = Math.max(8, Math.min(PLOT, width - 14, 6 * (last - first + 1)));
    const chart = asciichart.plot(stretch(points, places), {
      height: HEIGHT,
      format: (value: number) => value.toFixed(1).padStart(6),
    });
    return `${name}, ${y}\n${chart}\n${" ".repeat(8)}${first}${
      `${last}`.padStart(places - `${first}`.length)
    }  ${x}\n`;
  });
  return `${title}\n\n${plots.join("\n")}`;
}

function drawBars({ title, x, y, bars }: BarPlot): string {
  const largest = Math.max(...bars.map(({ value }) => Math.abs(value)), Number.MIN_VALUE);
  const names = Math.max(...bars.map(({ name }) => name.length), x.length);
  const rows = bars.map(({ name, value }) => {
    const length = Math.round(BAR * Math.abs(value) / largest);
    const number = (100 * value).toFixed(1).replace("-", "−").padStart(6);
    return `${name.padStart(names)} ${number} ${(value < 0 ? "░" : "█").repeat(length)}`;
  });
  return `${title}\n\n${x.padStart(names)} ${y.padStart(6)}\n${rows.join("\n")}\n`;
}

function drawPart(part: Part, width: number): string {
  if (typeof part === "string") return `${wrap(part, width)}\n`;
  if (part.kind === "table") return formatDense(part.rows);
  return part.kind === "lines" ? drawLines(part, width) : drawBars(part);
}

/**
 * The report as lines.
 *
 * @param width Characters
 */
export function reportText({ title, chapters }: Report, width: number): string {
  const texts = chapters.map(({ title, parts }) =>
    `${title}\n${"─".repeat(title.length)}\n${parts.map((part) => drawPart(part, width)).join("\n")}`
  );
  return `${[`${wrap(title, width)}\n`, ...texts].join("\n")}`;
}
