/**
 * LiNeS, layer-increasing network scaling (Wang et al., arXiv 2410.17146), over task arithmetic on LoRA updates.
 *
 * 1. Add each task's update to the running sum.
 * 2. Deploy (α + β · l / (L - 1)) Σ_t ΔW_t in block l of L: shallow blocks, which are general, stay near the backbone,
 *    and deep ones, which are special, keep more of the tasks.
 *
 * The paper's: the rule, and α = 1 / tasks for a sum of updates. Its β is tuned on validation data of all tasks, which
 * a continual run does not have. Ours: β = 1/√tasks - 1/tasks, so that the factor goes from that of the mean in the
 * first block to that which keeps the length of orthogonal updates in the last; after one task it is 1 in all.
 *
 * @module
 */
import { z } from "zod";
import { scaleSites } from "../../merge/scale.ts";
import { parseSite } from "../../nn/sites.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { addToSum, emptySum, rankCapOption, type SumState } from "../running_sum.ts";
import { type LastState, lastTrained, startOption, taskStart } from "../start.ts";

/** The factor of a block, counted from 0. */
export function blockFactor(
  block: number,
  depth: number,
  tasks: number,
  { alpha, beta }: { readonly alpha: number | null; readonly beta: number | null },
): number {
  const rise = beta ?? 1 / Math.sqrt(tasks) - 1 / tasks;
  return (alpha ?? 1 / tasks) + (depth > 1 ? rise * block / (depth - 1) : 0);
}

/** Sum of updates, scaled by depth. */
export const lines: MethodDefinition = defineMethod({
  name: "lines",
  summary: "The sum of the updates, scaled more the deeper the block",
  source: "Wang et al., arXiv 2410.17146",
  family: "merge",
  year: 2024,
  adapted:
    "Updates of LoRA adapters; the rise over depth follows from the number of tasks instead of a search",
  keeps: "The sum of the updates",
  options: z.strictObject({
    alpha: z.number().min(0).nullable().default(null)
      .describe("Factor of the summed updates in the first block; null is 1 / tasks"),
    beta: z.number().min(0).nullable().default(null)
      .describe("What the last block's factor has beyond the first's; null is 1 / √tasks - 1 / tasks"),
    start: startOption,
    rankCap: rankCapOption,
  }),
  create: ({ start, rankCap, ...factors }) =>
    adapterMethod({
      trains: "task",
      init: (): SumState & LastState => emptySum,
      begin: (state, task, kit) => ({ start: taskStart(kit, task.index, start, state) }),
      end: (state, _task, { adapter }) => ({
        ...addToSum(state, adapter, rankCap),
        ...lastTrained(adapter, start),
      }),
      deploy: ({ sum, count }, { config }) =>
        sum
          ? scaleSites(sum, (site) => blockFactor(parseSite(site)!.block, config.depth, count, factors))
          : undefined,
    }),
});
