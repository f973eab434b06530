/**
 * The two shapes of a merge. Either every task's update is folded into what is kept, and memory does not grow; or the
 * rule needs the updates of all tasks side by side, and every adapter is kept, at the rank at which it trained. Both
 * deploy one adapter and both offer every start. All of it is float64 on the host: there are no programs that could
 * grow with the tasks, and whoever recomputes a merge from exported adapters finds the same numbers.
 *
 * @module
 */
import { z } from "zod";
import type { JsonObject } from "../../core/json.ts";
import type { StateValue } from "../../core/state.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod, type AdapterMethodState } from "../adapter_method.ts";
import type { Kit, Method } from "../method.ts";
import { type LastState, lastTrained, type Start, taskStart } from "../start.ts";

/** Without name and options. */
type Merging<State extends StateValue> = Omit<Method<AdapterMethodState<State>>, "name" | "options">;

/** What a merge keeps that folds in each update: `null` before the first, and how many went in. */
export type RunningState<Merged extends StateValue> = LastState & {
  readonly merged: Merged | null;
  readonly count: number;
};

/** A merge that folds in each update. */
export interface RunningMerge<Merged extends StateValue> {
  readonly start: Start;
  /** What is kept after one more update; `merged` must stay as it is. */
  fold(merged: Merged | null, adapter: Adapter, count: number, kit: Kit): Merged;
  /** What is deployed after `count` updates. */
  read(merged: Merged, count: number, kit: Kit): Adapter;
  /** What the record says of it. */
  facts?(merged: Merged, count: number): JsonObject;
}

/** The method of such a merge. */
export function runningMerge<Merged extends StateValue>(
  { start, fold, read, facts }: RunningMerge<Merged>,
): Merging<RunningState<Merged>> {
  return adapterMethod({
    trains: "task",
    init: (): RunningState<Merged> => ({ merged: null, count: 0 }),
    begin: (state, task, kit) => ({ start: taskStart(kit, task.index, start, state) }),
    end: ({ merged, count }, _task, { adapter }, kit) => ({
      merged: fold(merged, adapter, count + 1, kit),
      count: count + 1,
      ...lastTrained(adapter, start),
    }),
    deploy: ({ merged, count }, kit) => merged === null ? undefined : read(merged, count, kit),
    ...(facts && {
      facts: ({ merged, count }: RunningState<Merged>) => merged === null ? {} : facts(merged, count),
    }),
  });
}

/** What a merge keeps that needs all updates: the adapters as they were trained. */
export type StackState = { readonly adapters: readonly Adapter[] };

/** A merge that needs all updates. */
export interface StackMerge {
  readonly start: Start;
  /** What is deployed, of at least one adapter; equal kits must give equal results. */
  merge(adapters: readonly Adapter[], kit: Kit): Adapter;
}

/** The method of such a merge. */
export function stackMerge({ start, merge }: StackMerge): Merging<StackState> {
  return adapterMethod({
    trains: "task",
    init: (): StackState => ({ adapters: [] }),
    begin({ adapters }, task, kit) {
      const last = adapters.at(-1);
      return { start: taskStart(kit, task.index, start, last ? { last } : {}) };
    },
    end: ({ adapters }, _task, { adapter }) => ({ adapters: [...adapters, adapter] }),
    deploy: ({ adapters }, kit) => adapters.length === 0 ? undefined : merge(adapters, kit),
  });
}

/** The seed of what is dropped at random of a task's update at a site: the same at every merge of a run. */
export function dropSeed(kit: Kit, task: number, site: string): number {
  return kit.rng(`drops/task ${task}`).stream(site).integer(2 ** 32);
}

/** The option that multiplies a sum of updates. */
export const sumFactorOption: z.ZodDefault<z.ZodNullable<z.ZodNumber>> = z
  .number().min(0).nullable().default(null)
  .describe("Factor of the summed updates; null is 1 / number of tasks so far");

/** The option that multiplies an update that has the size of one task's already. */
export const factorOption: z.ZodDefault<z.ZodNumber> = z.number().min(0).default(1)
  .describe("Factor of the merged update");

/** The option that bounds the rank of what entrywise merges deploy. */
export const deployedRankOption: z.ZodDefault<z.ZodNullable<z.ZodNumber>> = z
  .int().min(1).nullable().default(null)
  .describe("Largest rank of the deployed update, by truncated SVD; null deploys it exactly, at full rank");
