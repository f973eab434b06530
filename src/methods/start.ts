/**
 * Where the adapter of a task starts. The first task's start is the same for all methods, so that they differ only
 * by their rule.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../nn/adapter.ts";
import type { Kit } from "./method.ts";

/** The fresh adapter of the first task. */
export function firstStart(kit: Kit): Adapter {
  return kit.freshAdapter("task 0");
}

/** The start of a task that is trained independently of the others. */
export function independentStart(kit: Kit, task: number, start: "fresh" | "shared"): Adapter {
  return start === "shared" ? firstStart(kit) : kit.freshAdapter(`task ${task}`);
}

/** The option that chooses between them. */
export const startOption: z.ZodDefault<z.ZodEnum<{ fresh: "fresh"; shared: "shared" }>> = z
  .enum(["fresh", "shared"]).default("shared")
  .describe("A of a task's adapter before training: random for each task, or the same for all tasks");
