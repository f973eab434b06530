/**
 * What a look at a record brings up.
 *
 * @module
 */
import type { AnyRecord } from "../records/parse.ts";

/** A kind of checks, in the order in which they are made. */
export type Check =
  /** The file: size, encoding, lines, fields, order of lines. */
  | "shape"
  /** Hash and chain, and that lines are written in the one way that they are hashed in. */
  | "seal"
  /** The file is named as its cell. */
  | "name"
  /** All tasks are there, and those are scored that the cell says. */
  | "tasks"
  /** Method, options and settings are some that this program would write. */
  | "method"
  /** Classes and images of tasks follow from data, seed and sizes. */
  | "split"
  /** Data set and backbone are what the source gives that the record names. */
  | "source"
  /** Right answers are possible. */
  | "counts"
  /** Training, cost and seconds do not contradict one another. */
  | "cost"
  /** Records agree with one another. */
  | "agreement"
  /** A leaderboard says what the records say. */
  | "board"
  /** The cell, run again, gives the same. */
  | "rerun";

/** Something that is not as a run would have left it. */
export interface Finding {
  /** Which check it failed. */
  readonly check: Check;
  /** Line of the record, from 1; absent where it is no single one. */
  readonly line?: number;
  /** What is there. Text from records is in it: printed with `printable`. */
  readonly found: string;
  /** What should be there. */
  readonly wanted: string;
}

/** What became of one file. */
export interface Verification {
  /** Path or name, as given. */
  readonly path: string;
  /** How the run ended; `"unreadable"` if there is no record to speak of, `"board"` of a leaderboard. */
  readonly status: "done" | "failed" | "open" | "unreadable" | "board";
  /** Absent if there is none. */
  readonly record?: AnyRecord;
  /** Empty if all is well. */
  readonly findings: readonly Finding[];
  /** What was not checked, and why. */
  readonly notes: readonly string[];
}

/** One line for people. */
export function describeFinding({ check, line, found, wanted }: Finding): string {
  return `${check}${line === undefined ? "" : `, line ${line}`}: found ${found}, wanted ${wanted}`;
}
