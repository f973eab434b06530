/**
 * Where the adapter of a task starts. The first task's start is the same for all methods, so that they differ only
 * by their rule.
 *
 * Merges offer two worlds. Independent tasks start fresh, or from one A that all share, and each update is a task's
 * own. A sequential task goes on from what the last task's training left, before any merging; its update is all that
 * then differs from the backbone, earlier tasks included (MagMax, arXiv 2407.06322, trains so).
 *
 * @module
 */
import { z } from "zod";
import { absorbGain } from "../merge/scale.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { Kit } from "./method.ts";

/** How a task starts. */
export type Start = "fresh" | "shared" | "sequential";

/** What a state keeps for the next task's start: nothing unless that goes on from the last training. */
export type LastState = { readonly last?: Adapter };

/** The fresh adapter of the first task. */
export function firstStart(kit: Kit): Adapter {
  return kit.freshAdapter("task 0");
}

/** The start of a task that is trained independently of the others. */
export function independentStart(kit: Kit, task: number, start: "fresh" | "shared"): Adapter {
  return start === "shared" ? firstStart(kit) : kit.freshAdapter(`task ${task}`);
}

/** The start of a task, as an option says. */
export function taskStart(kit: Kit, task: number, start: Start, { last }: LastState): Adapter {
  return start === "sequential" ? last ?? firstStart(kit) : independentStart(kit, task, start);
}

/** The part of the next state from which `taskStart` starts. */
export function lastTrained(adapter: Adapter, start: Start): LastState {
  return start === "sequential" ? { last: absorbGain(adapter, adapter.scale) } : {};
}

/** The type of an option that chooses between them. */
export type StartOption = z.ZodDefault<
  z.ZodEnum<{ fresh: "fresh"; shared: "shared"; sequential: "sequential" }>
>;

/** The option that chooses between them, with the start of the paper as its default. */
export function startOptionOf(preset: Start): StartOption {
  return z.enum(["fresh", "shared", "sequential"]).default(preset).describe(
    "Start of a task's adapter: random A for each task, the same A for all tasks, or what the last task's " +
      "training left",
  );
}

/** The same for methods whose tasks are independent in the paper. */
export const startOption: StartOption = startOptionOf("shared");

/** The option of methods whose tasks are independent by design: a module of its own for each. */
export const independentStartOption: z.ZodDefault<z.ZodEnum<{ fresh: "fresh"; shared: "shared" }>> = z
  .enum(["fresh", "shared"]).default("shared")
  .describe("Start of a task's adapter: random A for each task, or the same A for all tasks");
