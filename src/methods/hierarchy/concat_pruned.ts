/**
 * HAM without groups: the ablation that a reviewer of HAM asked for. If merging only concatenates pruned factors,
 * grouping changes nothing, and this is all that is left.
 *
 * 1. Train each task's adapter, and its importance scalar, independently of the other tasks.
 * 2. Prune it by magnitude.
 * 3. Concatenate it with all earlier ones.
 * 4. Deploy the sum, or the mean, of all of them.
 *
 * @module
 */
import { z } from "zod";
import { absorbGain } from "../../merge/scale.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { pruneAdapter, prunedTaskOptions } from "./pruned_task.ts";
import { addToSum, emptySum, rankCapOption, scaledSum, type SumState } from "../running_sum.ts";
import { type LastState, lastTrained, startOption, taskStart } from "../start.ts";

/** All pruned task adapters, concatenated. */
export const concatPruned: MethodDefinition = defineMethod({
  name: "concat-pruned",
  summary: "All pruned task adapters concatenated: HAM without groups",
  source: "Ablation of HAM (arXiv 2509.13211) asked for in its public review",
  family: "hierarchy",
  year: 2025,
  keeps: "The sum of the updates",
  options: z.strictObject({
    ...prunedTaskOptions,
    start: startOption,
    weighting: z.enum(["mean", "sum"]).default("mean")
      .describe("Whether the concatenated updates are divided by their number"),
    rankCap: rankCapOption,
  }),
  create: (options) =>
    adapterMethod({
      trains: "task",
      init: (): SumState & LastState => emptySum,
      begin: (state, task, kit) => ({
        start: taskStart(kit, task.index, options.start, state),
        trainImportance: options.importance === "trained",
      }),
      async end(state, _task, { adapter }, kit) {
        const pruned = await pruneAdapter(absorbGain(adapter), options, kit);
        return { ...addToSum(state, pruned, options.rankCap), ...lastTrained(adapter, options.start) };
      },
      deploy: (state) => scaledSum(state, options.weighting === "mean" ? 1 / state.count : 1),
    }),
});
