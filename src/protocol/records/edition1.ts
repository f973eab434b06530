/**
 * Records of the first edition: readable, never written. They have shares instead of counts and no sizes of the
 * tasks, so accuracy over all test images cannot be computed from them. Nothing here follows later changes of the
 * protocol.
 *
 * @module
 */
import { z } from "zod";
import { hashJson, type JsonObject } from "../../core/json.ts";
import { loraTargets } from "../../nn/sites.ts";
import { arrange, checkLines, type Fail } from "./lines.ts";
import type { Cell, Environment } from "./record.ts";
import { methodName, name } from "./limits.ts";
import {
  backbone,
  count,
  dataset,
  failure,
  hash,
  jsonObject,
  seconds,
  share,
  tasks,
  training,
} from "./schema.ts";

/** The first line. */
export interface StartEvent1 {
  /** Which line it is. */
  readonly event: "start";
  /** What was run. */
  readonly cell: Cell & { readonly edition: 1 };
  /** Machine, versions and device. */
  readonly environment: Environment;
}

/** A task's line. */
export interface TaskEvent1 {
  /** Which line it is. */
  readonly event: "task";
  /** Of the task, from 0. */
  readonly index: number;
  /** Class numbers of the task. */
  readonly classes: readonly number[];
  /** Absent if the method was not evaluated after this task. */
  readonly evaluation?: {
    /** Shares, per task seen. */
    readonly classIncremental: readonly number[];
    readonly taskIncremental: readonly number[];
    /** Of all test images of the tasks seen. */
    readonly taskInference: number;
    readonly predictionHash: string;
  };
  /** Steps, and loss of the first and last; absent without training. */
  readonly training?: { readonly steps: number; readonly firstLoss: number; readonly lastLoss: number };
  /** Bytes kept for the next task by the method, and by the classifier of all methods. */
  readonly keptBytes: { readonly method: number; readonly head: number };
  /** What the method said of itself. */
  readonly facts: JsonObject;
  /** In training, in the rest of the method's work, and in evaluation. */
  readonly seconds: { readonly train: number; readonly method: number; readonly evaluate: number };
}

/** The last line. */
export interface EndEvent1 {
  /** Which line it is. */
  readonly event: "end";
  /** `"failed"` if training diverged. */
  readonly status: "done" | "failed";
  /** Why and at which step of which task, if failed. */
  readonly failure?: { readonly message: string; readonly task: number; readonly step: number };
  /** What the backend said of itself in the end. */
  readonly details: Environment;
  /** SHA-256 over cell and facts, without seconds. */
  readonly hash: string;
}

/** A record of the first edition. */
export interface RunRecord1 {
  /** The first line. */
  readonly start: StartEvent1;
  /** One line for each task that was done, in order. */
  readonly tasks: readonly TaskEvent1[];
  /** Absent while the run was unfinished. */
  readonly end?: EndEvent1;
}

const settings = z.strictObject({
  head: z.enum(["linear", "cosine", "ncm"]),
  rank: z.int().min(1),
  alpha: z.number().positive(),
  targets: z.array(z.enum(loraTargets)).min(1),
  epochs: z.int().min(1),
  batchSize: z.int().min(1),
  optimiser: z.enum(["adamw", "sgd"]),
  learningRate: z.number().positive(),
  weightDecay: z.number().min(0),
  schedule: z.enum(["constant", "cosine"]),
  warmup: z.number().min(0),
});

const cell = z.strictObject({
  edition: z.literal(1),
  method: methodName,
  options: jsonObject,
  dataset,
  backbone,
  backend: name,
  tasks,
  classesPerTask: z.int().min(1).exactOptional(),
  orderSeed: z.int(),
  trainSeed: z.int(),
  streamHash: hash,
  settings,
});

/** A line. */
export const event1: z.ZodType<StartEvent1 | TaskEvent1 | EndEvent1> = z.discriminatedUnion("event", [
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
    training: training.exactOptional(),
    keptBytes: z.strictObject({ method: count, head: count }),
    facts: jsonObject,
    seconds,
  }),
  z.strictObject({
    event: z.literal("end"),
    status: z.enum(["done", "failed"]),
    failure: failure.exactOptional(),
    details: jsonObject,
    hash,
  }),
]);

/** Reads the lines of a record of the first edition. */
export function parseEdition1(values: readonly unknown[], fail: Fail): RunRecord1 {
  const record: RunRecord1 = arrange<StartEvent1, TaskEvent1, EndEvent1>(
    checkLines(values, event1, fail),
    fail,
  );
  record.tasks.forEach(({ index, evaluation }, i) => {
    for (const kind of ["classIncremental", "taskIncremental"] as const) {
      const found = evaluation?.[kind].length ?? index + 1;
      if (found !== index + 1) fail(i + 2, `found ${found} scores in ${kind}, wanted ${index + 1}`);
    }
  });
  if (record.end && record.end.hash !== recordHash1(record)) {
    fail(values.length, "the hash does not fit the lines above");
  }
  return record;
}

/** SHA-256 over the cell and all facts that must repeat: the seconds are left out. */
function recordHash1({ start, tasks, end }: RunRecord1): string {
  const facts = tasks.map((task) => ({ ...task, seconds: null }));
  return hashJson({ cell: start.cell, tasks: facts, failure: end?.failure ?? null });
}
