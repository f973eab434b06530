/**
 * Rows of the tables and texts that list images: CSV, TSV, JSON lines, and lines of `path label`.
 *
 * @module
 */
import { parse } from "csv-parse/sync";
import { InputError } from "../../core/errors.ts";
import { isImageName } from "./formats.ts";
import { linesOf } from "./lines.ts";

/** An image of a list. */
export interface ListRow {
  readonly file: string;
  readonly label: string | undefined;
  /** What a column for it says. */
  readonly split: string | undefined;
}

/** Columns that were asked for. */
export interface ListColumns {
  readonly file?: string;
  readonly label?: string;
}

const FILE_COLUMNS = [
  "file_name",
  "filename",
  "file",
  "filepath",
  "file_path",
  "path",
  "image_path",
  "image",
  "image_name",
  "image_id",
  "img_path",
  "img",
  "name",
  "id",
];
const LABEL_COLUMNS = [
  "label",
  "labels",
  "class",
  "class_name",
  "classname",
  "target",
  "category",
  "class_id",
  "label_name",
  "species",
  "breed",
  "y",
];
const SPLIT_COLUMNS = ["split", "set", "subset", "partition"];
const MAX_COLUMNS = 256;

/**
 * Reads a list.
 *
 * @param source Name of the file, for messages
 * @param columns Names of columns, where they are not among the usual ones
 * @throws {InputError} If it is damaged or has no column of files
 */
export function parseList(source: string, text: string, columns: ListColumns): ListRow[] {
  if (/\.jsonl$/i.test(source)) return jsonRows(source, text, columns);
  if (/\.(csv|tsv)$/i.test(source)) return tableRows(source, text, columns);
  return lineRows(source, text);
}

/** Lines of a path and a label, with spaces, a tab or a comma between. */
function lineRows(source: string, text: string): ListRow[] {
  return linesOf(text.replace(/^\ufeff/, "")).map((line) => {
    const [, file, label] = /^(.*?)[\s,]+([^\s,]+)$/.exec(line) ?? [];
    if (file === undefined) {
      if (isImageName(line)) return { file: line, label: undefined, split: undefined };
      throw new InputError(
        `Cannot read ${source}: found the line ${quoted(line)}, wanted a path and a label`,
      );
    }
    return { file, label, split: undefined };
  });
}

function tableRows(source: string, text: string, columns: ListColumns): ListRow[] {
  const head = text.slice(0, 4096).split(/\r?\n/, 1)[0]!;
  const count = (delimiter: string) => head.split(delimiter).length - 1;
  const delimiter = [",", "\t", ";"].sort((a, b) => count(b) - count(a))[0]!;
  if (count(delimiter) >= MAX_COLUMNS) {
    throw new InputError(
      `Cannot read ${source}: found ${count(delimiter) + 1} columns, wanted at most ${MAX_COLUMNS}`,
    );
  }
  let rows: string[][];
  try {
    rows = parse(text, { delimiter, bom: true, trim: true, skip_empty_lines: true, relax_quotes: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`Cannot read ${source}: found a damaged table (${reason})`, { cause: error });
  }
  const [first] = rows;
  if (!first) throw new InputError(`Cannot read ${source}: found no lines, wanted a table of files`);
  const isHeadless = first.length === 2 && isImageName(first[0]!) && !columns.file;
  if (isHeadless) {
    return rows.map(([file, label]) => ({ file: file!, label: label || undefined, split: undefined }));
  }
  const pick = picker(source, first, columns);
  return rows.slice(1).map((row) => ({
    file: row[pick.file]!,
    label: pick.label < 0 ? undefined : row[pick.label] || undefined,
    split: pick.split < 0 ? undefined : row[pick.split],
  }));
}

/** Where the columns stand. */
function picker(source: string, names: readonly string[], columns: ListColumns) {
  const lower = names.map((name) => name.toLowerCase());
  const find = (asked: string | undefined, usual: readonly string[], what: string): number => {
    const place = asked === undefined
      ? lower.indexOf(usual.find((name) => lower.includes(name)) ?? "\0")
      : names.indexOf(asked);
    if (place >= 0 || (asked === undefined && what !== "file")) return place;
    throw new InputError(
      `Cannot read ${source}: found the columns ${names.slice(0, 10).join(", ")}, wanted ${
        asked ?? "one of file names such as file_name, path or image"
      }; choose with ${what}=`,
    );
  };
  return {
    file: find(columns.file, FILE_COLUMNS, "file"),
    label: find(columns.label, LABEL_COLUMNS, "label"),
    split: find(undefined, SPLIT_COLUMNS, "split"),
  };
}

function jsonRows(source: string, text: string, columns: ListColumns): ListRow[] {
  return linesOf(text).map((line, i) => {
    const fail = (found: string): never => {
      throw new InputError(
        `Cannot read ${source}: found ${found} in line ${
          i + 1
        }, wanted an object with a file name and a label`,
      );
    };
    let row: unknown;
    try {
      row = JSON.parse(line);
    } catch {
      return fail("no JSON");
    }
    if (typeof row !== "object" || row === null || Array.isArray(row)) return fail("no object");
    const entries = Object.entries(row);
    const pick = picker(source, entries.map(([name]) => name), columns);
    const valueAt = (place: number) => {
      const value: unknown = entries[place]?.[1];
      if (value === null || value === undefined) return undefined;
      return typeof value === "string" || typeof value === "number"
        ? `${value}`
        : fail(`a value ${quoted(value)}`);
    };
    return {
      file: valueAt(pick.file) ?? fail("no file name"),
      label: valueAt(pick.label),
      split: valueAt(pick.split),
    };
  });
}

function quoted(value: unknown): string {
  return (JSON.stringify(value) ?? "").slice(0, 60);
}
