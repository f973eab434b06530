/**
 * Pieces of the schemas of all editions.
 *
 * @module
 */
import { z } from "zod";
import type { Json } from "../../core/json.ts";
import { MAX_CLASSES, MAX_IMAGES, name } from "./limits.ts";

/** Any JSON value. */
export const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(json), z.record(z.string(), json)])
);
/** Any JSON object. */
export const jsonObject: z.ZodRecord<z.ZodString, z.ZodType<Json>> = z.record(z.string(), json);
/** A SHA-256. */
export const hash: z.ZodString = z.string().regex(/^[0-9a-f]{64}$/);
/** A number of things. */
export const count: z.ZodInt = z.int().min(0);
/** A part of one. */
export const share: z.ZodNumber = z.number().min(0).max(1);
/** A data set in a cell. */
export const dataset = z.strictObject({
  name,
  fingerprint: hash,
  classes: count.max(MAX_CLASSES),
  train: count.max(MAX_IMAGES),
  test: count.max(MAX_IMAGES),
});
/** A backbone in a cell. */
export const backbone = z.strictObject({ id: name, hash });
/** Number of tasks of a stream. */
export const tasks: z.ZodInt = z.int().min(1).max(MAX_CLASSES);
/** Losses of a task's training. */
export const training = z.strictObject({ steps: count, firstLoss: z.number(), lastLoss: z.number() });
/** Seconds of a task. */
export const seconds = z.strictObject({ train: z.number(), method: z.number(), evaluate: z.number() });
/** Why a run failed. */
export const failure = z.strictObject({ message: z.string(), task: count, step: count });
