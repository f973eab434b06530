/**
 * Where the adapter of a task starts when tasks are merged: independently of the others, or where the last one ended.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../../nn/adapter.ts";
import type { Kit } from "../method.ts";
import { firstStart, independentStart } from "../start.ts";

/** The choices. */
export type MergeStart = "fresh" | "shared" | "sequential";

/** The option that chooses. */
export const mergeStartOption: z.ZodDefault<
  z.ZodEnum<{ fresh: "fresh"; shared: "shared"; sequential: "sequential" }>
> = z.enum(["fresh", "shared", "sequential"]).default("shared")
  .describe(
    "Where a task's adapter starts: A random for each task, A the same for all tasks, or the last task's adapter",
  );

/** The start of a task. */
export function mergeStart(kit: Kit, task: number, start: MergeStart, last: Adapter | null): Adapter {
  return start === "sequential" ? last ?? firstStart(kit) : independentStart(kit, task, start);
}
