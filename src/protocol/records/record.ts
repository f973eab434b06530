/**
 * What a run writes down: facts, one JSON object a line, appended as they happen. Averages, ranks and intervals are
 * derived later. The hash covers everything that must repeat: not the seconds, and not the machine.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import { hashJson, type Json, type JsonObject } from "../../core/json.ts";
import { describeIssues } from "../../core/schema.ts";
import type { AccuracyMatrix } from "../board/metrics.ts";
import { type ProtocolSettings, settingsSchema } from "../settings.ts";

/** Bumped when the protocol changes such that numbers of two editions must not share a table. */
export const EDITION = 1;

/** Everything that identifies one cell of a benchmark: equal cells give equal hashes. */
export interface Cell {
  readonly edition: number;
  readonly method: string;
  /** Resolved. */
  readonly options: JsonObject;
  readonly dataset: {
    readonly name: string;
    readonly fingerprint: string;
    readonly classes: number;
    readonly train: number;
    readonly test: number;
  };
  readonly backbone: { readonly id: string; readonly hash: string };
  readonly backend: string;
  readonly tasks: number;
  /** If a setting of the stream; otherwise all classes are dealt out to the tasks. */
  readonly classesPerTask?: number;
  /** Seed of the class order. */
  readonly orderSeed: number;
  /** Seed of everything random in training. */
  readonly trainSeed: number;
  /** Hash of the class order and of every task's images. */
  readonly streamHash: string;
  readonly settings: ProtocolSettings;
}

/** Where a run took place; for people, not part of the hash. */
export type Environment = Readonly<Record<string, Json>>;

/** The first line of a record. */
export interface StartEvent {
  readonly event: "start";
  readonly cell: Cell;
  readonly environment: Environment;
}

/** One line per task. */
export interface TaskEvent {
  readonly event: "task";
  readonly index: number;
  readonly classes: readonly number[];
  /** Absent if the method is evaluated only at the end. */
  readonly evaluation?: Evaluation;
  /** Loss of the first and last step and the number of steps; absent without training. */
  readonly training?: { readonly steps: number; readonly firstLoss: number; readonly lastLoss: number };
  /** Bytes kept for the next task by the method, and by the classifier of all methods. */
  readonly keptBytes: { readonly method: number; readonly head: number };
  /** What the method says of itself. */
  readonly facts: JsonObject;
  readonly seconds: { readonly train: number; readonly method: number; readonly evaluate: number };
}

/** Scores after a task, over the tasks seen. */
export interface Evaluation {
  /** Per task: share of test images whose class is the highest-scoring of all classes seen. */
  readonly classIncremental: readonly number[];
  /** Per task: the same among the task's own classes, as if the task were known. */
  readonly taskIncremental: readonly number[];
  /** Share of all test images whose predicted class belongs to the right task. */
  readonly taskInference: number;
  /** SHA-256 of the predicted classes in stream order. */
  readonly predictionHash: string;
}

/** The last line: how it ended. */
export interface EndEvent {
  readonly event: "end";
  readonly status: "done" | "failed";
  /** Why and at which step of which task, if failed. */
  readonly failure?: { readonly message: string; readonly task: number; readonly step: number };
  /** What the backend says of itself in the end, when it knows which kernel variants it used; not hashed. */
  readonly details: Environment;
  /** See `recordHash`. */
  readonly hash: string;
}

/** A line of a record. */
export type RecordEvent = StartEvent | TaskEvent | EndEvent;

/** A whole or unfinished run. */
export interface RunRecord {
  readonly start: StartEvent;
  readonly tasks: readonly TaskEvent[];
  readonly end?: EndEvent;
}

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(json), z.record(z.string(), json)])
);
const jsonObject = z.record(z.string(), json);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const share = z.number().min(0).max(1);

const cell = z.strictObject({
  edition: z.literal(EDITION),
  method: z.string().min(1),
  options: jsonObject,
  dataset: z.strictObject({
    name: z.string(),
    fingerprint: hash,
    classes: count,
    train: count,
    test: count,
  }),
  backbone: z.strictObject({ id: z.string(), hash }),
  backend: z.string(),
  tasks: z.int().min(1),
  classesPerTask: z.int().min(1).exactOptional(),
  orderSeed: z.int(),
  trainSeed: z.int(),
  streamHash: hash,
  settings: settingsSchema,
});

const event: z.ZodType<RecordEvent> = z.discriminatedUnion("event", [
  z.strictObject({ event: z.literal("start"), cell, environment: jsonObject }),
  z.strictObject({
    event: z.literal("task"),
    index: count,
    classes: z.array(count).min(1),
    evaluation: z.strictObject({
      classIncremental: z.array(share),
      taskIncremental: z.array(share),
      taskInference: share,
      predictionHash: hash,
    }).exactOptional(),
    training: z.strictObject({ steps: count, firstLoss: z.number(), lastLoss: z.number() }).exactOptional(),
    keptBytes: z.strictObject({ method: count, head: count }),
    facts: jsonObject,
    seconds: z.strictObject({ train: z.number(), method: z.number(), evaluate: z.number() }),
  }),
  z.strictObject({
    event: z.literal("end"),
    status: z.enum(["done", "failed"]),
    failure: z.strictObject({ message: z.string(), task: count, step: count }).exactOptional(),
    details: jsonObject,
    hash,
  }),
]);

/** Identity of a cell: 12 hexadecimal digits for file names. */
export function cellKey(cell: Cell): string {
  return hashJson(cell).slice(0, 12);
}

/** Name of a cell's files: readable, and unique by its key. */
export function cellName(cell: Cell): string {
  const method = cell.method.replaceAll(/[^\w-]/g, "_");
  return `${method}-T${cell.tasks}-s${cell.orderSeed}-${cellKey(cell)}`;
}

/** SHA-256 over the cell and all facts that must repeat: the seconds are left out. */
export function recordHash(
  { start, tasks }: Pick<RunRecord, "start" | "tasks">,
  failure: EndEvent["failure"],
): string {
  const facts = tasks.map((task) => ({ ...task, seconds: null }));
  return hashJson({ cell: start.cell, tasks: facts, failure: failure ?? null });
}

/**
 * Reads a record. A last line that is cut off, as a kill leaves it, is dropped.
 *
 * @param name Shown in errors
 * @throws {InputError} If a line is not an event, or events are out of order or do not add up
 */
export function parseRecord(text: string, name: string): RunRecord {
  const fail = (line: number, found: string): never => {
    throw new InputError(`Cannot read record ${name}, line ${line}: ${found}`);
  };
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const events = whole.split("\n").slice(0, -1).map((line, i) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return fail(i + 1, "found no JSON");
    }
    const result = event.safeParse(value);
    return result.success ? result.data : fail(i + 1, describeIssues(result.error));
  });
  const [start, ...rest] = events;
  if (start?.event !== "start") return fail(1, "found no start event");
  const tasks: TaskEvent[] = [];
  let end: EndEvent | undefined;
  rest.forEach((event, i) => {
    if (end) fail(i + 2, "found a line after the end");
    else if (event.event === "start") fail(i + 2, "found a second start");
    else if (event.event === "end") end = event;
    else if (event.index !== tasks.length) fail(i + 2, `found task ${event.index}, wanted ${tasks.length}`);
    else {
      checkScores(event, (found) => fail(i + 2, found));
      tasks.push(event);
    }
  });
  if (end?.status === "done" && tasks.length !== start.cell.tasks) {
    fail(events.length, `found ${tasks.length} tasks, wanted ${start.cell.tasks}`);
  }
  if (end?.status === "done" && !tasks.at(-1)?.evaluation) fail(events.length, "found no scores at the end");
  if (end && (end.status === "failed") !== (end.failure !== undefined)) {
    fail(events.length, `found status ${end.status} with${end.failure ? "" : "out"} a failure`);
  }
  if (end && end.hash !== recordHash({ start, tasks }, end.failure)) {
    fail(events.length, "the hash does not fit the lines above");
  }
  return { start, tasks, ...(end && { end }) };
}

function checkScores({ index, evaluation }: TaskEvent, fail: (found: string) => never): void {
  for (const kind of ["classIncremental", "taskIncremental"] as const) {
    const found = evaluation?.[kind].length ?? index + 1;
    if (found !== index + 1) fail(`found ${found} scores in ${kind}, wanted ${index + 1}`);
  }
}

/** The accuracy matrix of a run. */
export function accuracyMatrix(
  { tasks }: Pick<RunRecord, "tasks">,
  kind: "classIncremental" | "taskIncremental" = "classIncremental",
): AccuracyMatrix {
  return tasks.map(({ evaluation }) => evaluation?.[kind]);
}
