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

/** Values at so many places evenly spread; places between two values lie on the line between them. */
function stretch(values: readonly (number | null)[], places: number): number[] {
  return Array.from({ length: places }, (_, place) => {
    const at = values.length === 1 ? 0 : place * (values.length - 1) / (places - 1);
    const [low, high] = [values[Math.floor(at)], values[Math.ceil(at)]];
    if (typeof low !== "number" || typeof high !== "number") return NaN;
    return low + (high - low) * (at - Math.floor(at));
  });
}

function drawLines({ title, x, y, lines }: LinePlot, width: number): string {
  const count = Math.max(...lines.map(({ values }) => values.length));
  const places = Math.max(2, Math.min(PLOT, width - 12, 6 * count));
  const drawn = lines.filter(({ values }) => values.some((value) => value !== null));
  const plots = drawn.map(({ name, values }) => {
    const points = stretch(values.map((value) => value === null ? null : 100 * value), places);
    const chart = points.some(Number.isFinite)
      ? asciichart.plot(points, { height: HEIGHT, format: (value: number) => value.toFixed(1).padStart(6) })
      : `  ${
        values.flatMap((value, i) => value === null ? [] : `${x} ${i + 1}: ${(100 * value).toFixed(1)}`).join(
          ", ",
        )
      }`;
    const axis = `${" ".repeat(8)}1${`${count}`.padStart(places - 1)}  ${x}`;
    return `${name}, ${y}\n${chart}\n${axis}\n`;
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
