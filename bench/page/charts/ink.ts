/**
 * What a plot is drawn with: the document it is made in, its colours, and how methods look.
 *
 * @module
 */

/** Colours of a page or of a picture, and where elements come from. */
export interface Ink {
  /** Makes the elements. */
  readonly document: Document;
  /** Of methods, by slot. */
  readonly series: readonly string[];
  /** Of text that steps back, and of what is only for orientation. */
  readonly muted: string;
  /** Of lines of a grid. */
  readonly grid: string;
  /** Behind everything. */
  readonly paper: string;
  /** Of fields of heat maps, on all of which text can be read: least, most, and below the middle. */
  readonly heat: { readonly low: string; readonly high: string; readonly below: string };
  /** Of text. */
  readonly text: string;
}

/** On white, for pictures. */
export const lightSeries: readonly string[] = [
  "#c2330a",
  "#0b62c4",
  "#0a7a4b",
  "#7a3fb0",
  "#8f6200",
  "#00758a",
  "#b5236f",
  "#4d5a6b",
];

/** How a method looks: never by colour alone. */
export interface Look {
  readonly color: string;
  /** Of its line; empty for a solid one. */
  readonly dash: string;
  /** Of its points, as Plot names them. */
  readonly symbol: typeof symbols[number];
}

const symbols = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "plus", "times"] as const;
const dashes = ["", "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2 1 2"] as const;

/** What a method is to the page, which decides how it looks. */
export type Role = "protagonist" | "reference" | "rival";

/** The look of a method by its role and its place among those of that role. */
export function lookOf(ink: Ink, role: Role, place: number): Look {
  if (role === "reference") {
    return { color: ink.muted, dash: place === 0 ? "2 3" : "8 4", symbol: place === 0 ? "times" : "plus" };
  }
  // The first colour is the protagonist's alone.
  const slots = ink.series.length - 1;
  return role === "protagonist"
    ? {
      color: ink.series[0]!,
      dash: dashes[place % dashes.length]!,
      symbol: symbols[place % symbols.length]!,
    }
    : {
      color: ink.series[1 + place % slots]!,
      dash: dashes[(1 + place) % dashes.length]!,
      symbol: symbols[(1 + place) % symbols.length]!,
    };
}

/** A name that is not longer than a label may be. */
export function shorten(text: string, most = 26): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}
