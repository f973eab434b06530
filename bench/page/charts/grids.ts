/**
 * Heat maps: rows and columns of values.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { shorten } from "./ink.ts";
import { type ChartOptions, type Figure, frame, pointed } from "./series.ts";

/** A field of a heat map. */
export interface Field {
  readonly row: string;
  readonly column: string;
  readonly value: number;
}

/** How it is drawn. */
export interface GridOptions extends Pick<ChartOptions, "ink" | "width" | "description"> {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly rowAxis: string | null;
  readonly columnAxis: string;
  /** Of colours; the extent of the values if absent. */
  readonly domain?: readonly [number, number];
  /** Whether zero is the middle. */
  readonly diverging?: boolean;
  /** Written into a field that is large enough. */
  text(field: Field): string;
  title(field: Field): string;
  /** Fields that are set apart by a frame. */
  isFramed?(field: Field): boolean;
}

function mixed(color: string, other: string, share: number): string {
  return `color-mix(in oklab, ${color} ${(100 * share).toFixed(1)}%, ${other})`;
}

/** The heat map. */
export function gridChart(fields: readonly Field[], options: GridOptions): Figure {
  const { ink, width, rows, columns, rowAxis, columnAxis, text, isFramed } = options;
  const values = fields.map(({ value }) => value);
  const [low, high] = options.domain ?? [Math.min(...values), Math.max(...values)];
  const longest = Math.max(1, ...rows.map((row) => [...shorten(row, width < 520 ? 14 : 26)].length));
  const marginLeft = (rowAxis === null ? 14 : 30) + Math.ceil(6.9 * longest);
  // Fields are not drawn out over a page that has room for more of them.
  const size = Math.min((width - marginLeft - 12) / columns.length, 64);
  const tall = Math.min(Math.max(14, Math.min(size, 30)), size < 14 ? size : 30);
  const farthest = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const scale = options.diverging ? [-farthest, farthest] : [low, high === low ? low + 1 : high];
  const every = Math.ceil(26 / size);
  // Mixed by the browser, so that colours follow the page's.
  const color = ({ value }: Field) => {
    const share = Math.max(0, Math.min(1, (value - scale[0]!) / (scale[1]! - scale[0]!)));
    if (!options.diverging) return mixed(ink.heat.high, ink.heat.low, share);
    return mixed(share < 0.5 ? ink.heat.below : ink.heat.high, ink.heat.low, Math.abs(2 * share - 1));
  };
  const at = { x: "column", y: "row" };
  return Plot.plot({
    ...frame({ ...options, width: marginLeft + 12 + size * columns.length }),
    height: 54 + tall * rows.length + 4,
    marginLeft,
    marginRight: 12,
    marginTop: 50,
    marginBottom: 8,
    x: { domain: [...columns], label: null, padding: 0.04, axis: null },
    y: { domain: [...rows], label: null, padding: 0.06, axis: null },
    marks: [
      Plot.axisX({
        anchor: "top",
        tickSize: 0,
        label: columnAxis,
        labelAnchor: "left",
        labelArrow: "none",
        tickFormat: (column: string, i: number) =>
          i % every === 0 ? shorten(column, Math.max(4, Math.floor(size / 6.5))) : "",
      }),
      Plot.axisY({
        tickSize: 0,
        label: rowAxis,
        labelAnchor: "center",
        labelArrow: "none",
        tickFormat: (row: string, i: number) =>
          rowAxis === null || i % Math.ceil(14 / tall) === 0 ? shorten(row, width < 520 ? 14 : 26) : "",
      }),
      Plot.cell(fields, { ...at, fill: color, rx: 2 }),
      size >= 30
        ? Plot.text(fields, {
          ...at,
          text,
          fontSize: size < 38 ? 10 : 12,
          fill: ink.text,
        })
        : null,
      isFramed
        ? Plot.cell(fields.filter(isFramed), { ...at, stroke: ink.text, strokeWidth: 2, fill: "none", rx: 2 })
        : null,
      pointed(fields, at, options),
    ],
  });
}
