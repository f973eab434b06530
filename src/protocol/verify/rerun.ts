/**
 * A record against the same cell run again. On the same kind of machine everything that must repeat has to; elsewhere
 * sums round otherwise and training drifts apart, so that only split and accuracy are compared, within bounds.
 *
 * @module
 */
import { canonicalJson, type Json, type JsonObject } from "../../core/json.ts";
import { printable } from "../../core/printable.ts";
import type { Environment, Evaluation, RecordEvent, RunRecord, TaskEvent } from "../records/record.ts";
import { repeatable, unsealed } from "../records/seal.ts";

/** How far another machine's accuracy may be from a record's. */
export const TOLERANCE = {
  /** Share of all test images of the tasks seen, for each kind of right answers. */
  all: 0.02,
  /** Share of a single task's test images. */
  task: 0.1,
  /** Images that are always allowed: shares of a few images are coarse. */
  images: 3,
} as const;

/** Where a record and the cell run again part ways. */
export interface Difference {
  /** From 0; absent in the first and the last line. */
  readonly task?: number;
  /** Such as `evaluation.classIncremental.3`. */
  readonly field: string;
  /** Absent if there is no such field. */
  readonly recorded?: Json;
  /** Absent if there is no such field. */
  readonly recomputed?: Json;
}

/** Whether numbers of two environments must be equal to the last bit: arithmetic and versions are the same. */
export function isSameKind(a: Environment, b: Environment): boolean {
  const kind = ({ processor, deno, version }: Environment) => {
    const { arithmetic } = (processor ?? {}) as JsonObject;
    return arithmetic === undefined ? undefined : canonicalJson([arithmetic, deno ?? null, version ?? null]);
  };
  return kind(a) !== undefined && kind(a) === kind(b);
}

/** All environments that a record took place in. */
export function environmentsOf({ start, tasks }: RunRecord): Environment[] {
  return [start.environment, ...tasks.flatMap(({ environment }) => environment ? [environment] : [])];
}

/** The first thing that must repeat and does not. */
export function exactDifference(recorded: RunRecord, recomputed: RunRecord): Difference | undefined {
  const [a, b] = [linesOf(recorded), linesOf(recomputed)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = lineDifference(a[i], b[i]);
    if (difference) return difference;
  }
  return undefined;
}

/** The first difference of two lines in the same place, in what must repeat. */
function lineDifference(
  a: RecordEvent | undefined,
  b: RecordEvent | undefined,
): Difference | undefined {
  const place = [a, b].find((line) => line?.event === "task") as TaskEvent | undefined;
  const found = differenceIn(partOf(a), partOf(b), []);
  return found && { ...(place && { task: place.index }), ...found };
}

/** The first difference beyond what other machines may give: in the split, in what was scored, in accuracy. */
export function nearDifference(recorded: RunRecord, recomputed: RunRecord): Difference | undefined {
  const { backend: _, ...cell } = recorded.start.cell;
  const { backend: __, ...again } = recomputed.start.cell;
  const inCell = differenceIn(cell, again, ["cell"]);
  if (inCell) return inCell;
  const count = Math.max(recorded.tasks.length, recomputed.tasks.length);
  for (let task = 0; task < count; task++) {
    const found = nearTask(recorded.tasks[task], recomputed.tasks[task], recorded.tasks);
    if (found) return { task, ...found };
  }
  return differenceIn(recorded.end?.status, recomputed.end?.status, ["status"]);
}

function nearTask(
  a: TaskEvent | undefined,
  b: TaskEvent | undefined,
  tasks: readonly TaskEvent[],
): Difference | undefined {
  const parts = (line: TaskEvent | undefined) =>
    line && { classes: line.classes, images: line.images, scored: line.evaluation !== undefined };
  const found = differenceIn(parts(a), parts(b), []);
  if (found || !a?.evaluation || !b?.evaluation) return found;
  const images = tasks.map(({ images }) => images.test);
  for (const kind of ["classIncremental", "taskIncremental", "taskInference"] as const) {
    const far = farthest(a.evaluation, b.evaluation, kind, images);
    if (far) return far;
  }
  return undefined;
}

function farthest(
  a: Evaluation,
  b: Evaluation,
  kind: "classIncremental" | "taskIncremental" | "taskInference",
  images: readonly number[],
): Difference | undefined {
  const isFar = (x: number, y: number, of: number, share: number) =>
    Math.abs(x - y) > Math.max(TOLERANCE.images, share * of);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const [recorded, recomputed] = [sum(a[kind]), sum(b[kind])];
  if (isFar(recorded, recomputed, sum(images.slice(0, a[kind].length)), TOLERANCE.all)) {
    return { field: `evaluation.${kind}, all tasks`, recorded, recomputed };
  }
  const task = a[kind].findIndex((hits, i) => isFar(hits, b[kind][i]!, images[i]!, TOLERANCE.task));
  if (task < 0) return undefined;
  return { field: `evaluation.${kind}.${task}`, recorded: a[kind][task]!, recomputed: b[kind][task]! };
}

function linesOf({ start, tasks, end }: RunRecord): RecordEvent[] {
  return [start, ...tasks, ...(end ? [end] : [])];
}

function partOf(line: RecordEvent | undefined): Json | undefined {
  return line && repeatable(unsealed(line)) as Json;
}

function differenceIn(
  recorded: unknown,
  recomputed: unknown,
  path: readonly string[],
): Difference | undefined {
  const [first] = differencesIn(recorded, recomputed, path).take(1);
  return first;
}

/** All places in which two JSON values differ, in the order of their keys. */
export function* differencesIn(
  recorded: unknown,
  recomputed: unknown,
  path: readonly string[],
): Generator<Difference, undefined> {
  if (isTree(recorded) && isTree(recomputed) && Array.isArray(recorded) === Array.isArray(recomputed)) {
    for (const key of new Set([...Object.keys(recorded), ...Object.keys(recomputed)])) {
      const [a, b] = [recorded, recomputed].map((tree) => Object.hasOwn(tree, key) ? tree[key] : undefined);
      yield* differencesIn(a, b, [...path, key]);
    }
  } else if (recorded !== recomputed) {
    yield {
      field: path.join(".") || "line",
      ...(recorded !== undefined && { recorded: recorded as Json }),
      ...(recomputed !== undefined && { recomputed: recomputed as Json }),
    };
  }
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** One line for people. */
export function describeDifference({ task, field, recorded, recomputed }: Difference): string {
  const show = (value: Json | undefined) => value === undefined ? "nothing" : printable(canonicalJson(value));
  const place = task === undefined ? "" : `task ${task}, `;
  return `${place}${field}: recorded ${show(recorded)}, recomputed ${show(recomputed)}`;
}
