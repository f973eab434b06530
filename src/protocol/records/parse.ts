/**
 * The only reader of records: it looks for the edition and hands the lines to that edition's parser.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { parseEdition1, type RunRecord1 } from "./edition1.ts";
import { parseEdition2 } from "./edition2.ts";
import { failOf, readLines } from "./lines.ts";
import { EDITION, type RunRecord } from "./record.ts";

/** A record of any edition that this program reads. */
export type AnyRecord = RunRecord | RunRecord1;

/** A record of an edition that this program does not know: not damaged, and not to be touched. */
export class UnknownEditionError extends InputError {}

/** Whether a record is of the first edition. */
export function isEdition1(record: AnyRecord): record is RunRecord1 {
  return record.start.cell.edition === 1;
}

/** The edition that a first line names, whatever else is in it. */
function editionOf(line: unknown): unknown {
  const { cell } = (line ?? {}) as { readonly cell?: unknown };
  return ((cell ?? {}) as { readonly edition?: unknown }).edition;
}

/**
 * Reads a record of any edition. A last line that is cut off, as a kill leaves it, is dropped.
 *
 * @param name Shown in errors
 * @throws {UnknownEditionError} If the record is of an edition that this program does not know
 * @throws {InputError} If a line is not an event, or events are out of order, do not add up or were changed
 */
export function parseRecord(text: string, name: string): AnyRecord {
  const fail = failOf(name);
  const values = readLines(text, fail);
  const edition = editionOf(values[0]);
  if (edition === 1) return parseEdition1(values, fail);
  if (Number.isInteger(edition) && edition !== EDITION) {
    throw new UnknownEditionError(
      `Cannot read record ${printable(name)}: found edition ${edition}, wanted 1 or ${EDITION}`,
    );
  }
  return parseEdition2(values, fail);
}

/**
 * Reads a record of the present edition.
 *
 * @throws {UnknownEditionError} If it is of another
 * @throws {InputError} As `parseRecord`
 */
export function parseCurrent(text: string, name: string): RunRecord {
  const record = parseRecord(text, name);
  if (!isEdition1(record)) return record;
  throw new UnknownEditionError(`Cannot read record ${printable(name)}: found edition 1, wanted ${EDITION}`);
}
