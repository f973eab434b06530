/**
 * Small parts of sentences.
 *
 * @module
 */
import type { Estimate, MethodClass } from "./board.ts";

/** A share as percent with a tenth, such as `28.7 %`. */
export function percent(share: number): string {
  return `${tenths(100 * share)} %`;
}

/** A difference of shares without its sign, such as `1.2 points`. */
export function points(difference: number): string {
  const size = Math.abs(100 * difference);
  if (size < 0.05) return size === 0 ? "0 points" : "less than 0.1 points";
  return `${size.toFixed(1)} points`;
}

/** An interval of shares in points, such as ` [27.9, 29.4]`; nothing where there is none. */
export function interval(estimate: Estimate): string {
  return estimate.interval ? ` [${estimate.interval.map((end) => tenths(100 * end)).join(", ")}]` : "";
}

function tenths(value: number): string {
  const text = value.toFixed(1);
  return text === "-0.0" ? "0.0" : text.replace("-", "−");
}

/** A p value: `0.25`, `0.004`, `below 0.001`. */
export function pValue(p: number): string {
  return p < 0.001 ? "below 0.001" : `${Number(p.toPrecision(2))}`;
}

/** The same as an equation: `p = 0.25`, `p < 0.001`. */
export function pEquation(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p = ${pValue(p)}`;
}

/** A number and its noun: `1 seed`, `3 seeds`, `9 pairs of T and seed`. */
export function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : noun.replace(/^\w+/, "$&s")}`;
}

/** `a`, `a and b`, `a, b and c`; of more than `most`, how many others there are. */
export function list(items: readonly string[], most = Infinity): string {
  const shown = items.length > most
    ? [...items.slice(0, most - 1), `${items.length - most + 1} others`]
    : items;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

/** A class after "of 11". */
export function classNoun(kind: MethodClass, count: number): string {
  const methods = count === 1 ? "method" : "methods";
  const parts: Record<MethodClass, string> = {
    "plain": count === 1 ? "that stores no images" : "that store no images",
    "buffer": "with a buffer",
    "test data": count === 1 ? "that looks at test images" : "that look at test images",
    "bound": "that bounds the others",
  };
  return `${methods} ${parts[kind]}`;
}
