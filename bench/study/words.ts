/**
 * Differences, ratios and p values of a study as people read them.
 *
 * @module
 */
import type { PairedDifference } from "../../src/protocol/mod.ts";
import { formatSigned, type StudyFigure, unitOfDifference } from "./figures.ts";
import type { Ratio } from "./measure.ts";

/** What stands where there are no records. */
export const NOT_RUN = "not run";

/** `0.25`, `0.004`, `below 0.001` */
export function formatP(p: number): string {
  return p < 0.001 ? "below 0.001" : `${Number(p.toPrecision(2))}`;
}

/** A difference with Student's interval and the number of pairs where they matter: `−2.8 [−3.3, −2.3]`. */
export function formatDifference({ mean, interval }: PairedDifference, figure: StudyFigure): string {
  const range = interval ? ` [${interval.map((end) => formatSigned(end, figure)).join(", ")}]` : "";
  return `${formatSigned(mean, figure)}${range}`;
}

/** The same with its unit: `−2.8 points [−3.3, −2.3]`. */
export function formatDifferenceWithUnit(
  { mean, interval }: PairedDifference,
  figure: StudyFigure,
): string {
  const range = interval ? ` [${interval.map((end) => formatSigned(end, figure)).join(", ")}]` : "";
  return `${formatSigned(mean, figure)}${unitOfDifference(figure)}${range}`;
}

/** A ratio: `1.15 × [1.10, 1.20]`, or `1 ×` where it is 1 to the last digit; with more digits where two hide that it is not. */
export function formatRatio({ mean, interval }: Ratio): string {
  const values = [mean, ...interval ?? []];
  if (values.every((value) => value === 1)) return "1 ×";
  const digits = values.some((value) => value !== 1 && Math.abs(value - 1) < 0.005) ? 4 : 2;
  const range = interval ? ` [${interval.map((end) => shortened(end, digits)).join(", ")}]` : "";
  return `${shortened(mean, digits)} ×${range}`;
}

function shortened(value: number, digits: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(digits);
}

/** `a`, `a and b`, `a, b and c` */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
