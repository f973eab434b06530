/**
 * What all editions share: lines of JSON, a start, tasks in order, an end.
 *
 * @module
 */
import type { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { describeIssues } from "../../core/schema.ts";
import { MAX_LINE_LENGTH, oddityOf } from "./limits.ts";

/** A record that is damaged or was changed. */
export class RecordError extends InputError {
  /** Counted from 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly found: string;

  /** An error of a line of the record of that name. */
  constructor(record: string, line: number, found: string) {
    super(`Cannot read record ${printable(record)}, line ${line}: ${found}`);
    this.line = line;
    this.found = found;
  }
}

/** Reports what is wrong with a line, counted from 1. */
export type Fail = (line: number, found: string) => never;

/** Says which record and which line is wrong. */
export function failOf(name: string): Fail {
  return (line, found) => {
    throw new RecordError(name, line, found);
  };
}

/** The values of all lines. A last line that is cut off, as a kill leaves it, is dropped. */
export function readLines(text: string, fail: Fail): unknown[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").slice(0, -1).map((line, i) => {
    if (line.length > MAX_LINE_LENGTH) {
      return fail(i + 1, `found ${line.length} characters, wanted at most ${MAX_LINE_LENGTH}`);
    }
    const value = parseLine(line, () => fail(i + 1, "found no JSON"));
    const oddity = oddityOf(value);
    return oddity === undefined ? value : fail(i + 1, oddity);
  });
}

function parseLine(line: string, fail: () => never): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return fail();
  }
}

/** Checks each line against the schema of an edition. */
export function checkLines<E>(values: readonly unknown[], schema: z.ZodType<E>, fail: Fail): E[] {
  return values.map((value, i) => {
    const result = schema.safeParse(value);
    return result.success ? result.data : fail(i + 1, printable(describeIssues(result.error)));
  });
}

interface Start {
  readonly event: "start";
  readonly cell: { readonly tasks: number };
}

interface Task {
  readonly event: "task";
  readonly index: number;
  readonly evaluation?: unknown;
}

interface End {
  readonly event: "end";
  readonly status: "done" | "failed";
  readonly failure?: unknown;
}

/** Puts the lines of a record in their places and checks their order. */
export function arrange<S extends Start, T extends Task, E extends End>(
  events: readonly (S | T | E)[],
  fail: Fail,
): { readonly start: S; readonly tasks: readonly T[]; readonly end?: E } {
  const [start, ...rest] = events;
  if (start?.event !== "start") return fail(1, "found no start event");
  const tasks: T[] = [];
  let end: E | undefined;
  rest.forEach((event, i) => {
    if (end) fail(i + 2, "found a line after the end");
    else if (event.event === "start") fail(i + 2, "found a second start");
    else if (event.event === "end") end = event;
    else if (event.index !== tasks.length) fail(i + 2, `found task ${event.index}, wanted ${tasks.length}`);
    else tasks.push(event);
  });
  const last = events.length;
  const wanted = start.cell.tasks;
  if (end?.status === "done" && tasks.length !== wanted) {
    fail(last, `found ${tasks.length} tasks, wanted ${wanted}`);
  }
  if (end?.status === "done" && !tasks.at(-1)?.evaluation) fail(last, "found no scores at the end");
  if (end && (end.status === "failed") !== (end.failure !== undefined)) {
    fail(last, `found status ${end.status} with${end.failure ? "" : "out"} a failure`);
  }
  return { start, tasks, ...(end && { end }) };
}
