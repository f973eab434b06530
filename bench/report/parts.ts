/**
 * A report before it has a form: chapters of paragraphs, tables and plots, which the terminal, Markdown and HTML each
 * show in their way.
 *
 * @module
 */

/** Lines over some places that all share, such as tasks. */
export interface LinePlot {
  readonly kind: "lines";
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** `null` where there is no value. Values stand at 1, 2, 3, … */
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
}

/** A bar for each name. */
export interface BarPlot {
  readonly kind: "bars";
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

/** Rows of text, the first of which is the header. */
export interface TextTable {
  readonly kind: "table";
  readonly rows: readonly (readonly string[])[];
}

/** A part of a chapter; text is a paragraph. */
export type Part = string | LinePlot | BarPlot | TextTable;

/** A chapter with its title. */
export interface Chapter {
  readonly title: string;
  readonly parts: readonly Part[];
}

/** A whole report. */
export interface Report {
  readonly title: string;
  readonly chapters: readonly Chapter[];
}

/** Text of a record, which may be anything, on one line and without what moves a cursor. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}
