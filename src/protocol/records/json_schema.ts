/**
 * The schema of records for other tools, as JSON Schema.
 *
 * @module
 */
import { z } from "zod";
import type { Json, JsonObject } from "../../core/json.ts";
import { event1 } from "./edition1.ts";
import { event2 } from "./edition2.ts";

/** An edition of records. */
export type Edition = 1 | 2;

const editions = { 1: event1, 2: event2 } as const satisfies Record<Edition, z.ZodType>;

/**
 * JSON Schema (draft 2020-12) of a line of a record. What it cannot say, such as that hashes fit and counts add up, is
 * for `verify`.
 */
export function recordSchema(edition: Edition): JsonObject {
  const { $schema, ...schema } = JSON.parse(
    JSON.stringify(z.toJSONSchema(editions[edition], { io: "output" })),
  ) as Record<string, Json>;
  return {
    $schema: $schema!,
    title: `A line of a record, edition ${edition}`,
    description: "Each line of a record is one JSON object: a start, a task for each task done, and an end.",
    ...schema,
  };
}
