/**
 * DARE (Yu et al., arXiv 2311.03099) on LoRA updates, in ΔW space, merged by task arithmetic.
 *
 * 1. Drop each entry of a task's update with probability `rate` and multiply the rest by 1 / (1 - rate): its mean over
 *    the draws is the update.
 * 2. Add what is left to the running sum.
 * 3. Deploy λ times the sum; λ = 1 / tasks by default.
 *
 * A task's draws are its own and never drawn again, so that one dense sum is all that is kept. At rate 0 this is
 * `taskarith`.
 *
 * The paper's: all of it. `rate` 0.5 is what a comparison of merges in class-incremental learning settled on; the 0.9
 * of large language models destroyed small sequential updates there.
 *
 * @module
 */
import { z } from "zod";
import type { NamedTensors } from "../../core/tensors.ts";
import { dropRescale, weightedSum } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import {
  adapterOf,
  mapUpdate,
  mergeUpdates,
  roundUpdate,
  type Update,
  updateOf,
  widenUpdate,
} from "../../merge/update.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { startOption } from "../start.ts";
import { deployedRankOption, dropSeed, runningMerge, sumFactorOption } from "./merge_method.ts";

/** A task's update after step 1. */
export function thinned(adapter: Adapter, rate: number, task: number, kit: Kit): Update {
  return mapUpdate(
    updateOf(adapter),
    (entries, site) => dropRescale(entries, rate, dropSeed(kit, task, site)),
  );
}

/** The option that says how much is dropped. */
export const rateOption: z.ZodDefault<z.ZodNumber> = z.number().min(0).max(0.99).default(0.5)
  .describe("Probability that an entry of an update is dropped");

/** Adds an update to a running sum. */
export function addUpdate(sum: NamedTensors | null, update: Update): NamedTensors {
  if (!sum) return roundUpdate(update);
  return roundUpdate(mergeUpdates([widenUpdate(sum), update], (stack) => weightedSum(stack, [1, 1])));
}

/** Drop and rescale, then sum. */
export const dare: MethodDefinition = defineMethod({
  name: "dare",
  summary: "Entries of updates dropped at random, the rest rescaled and summed",
  source: "Yu et al., arXiv 2311.03099",
  family: "merge",
  year: 2023,
  adapted: "Updates of LoRA adapters",
  keeps: "One dense update: the sum",
  options: z.strictObject({
    rate: rateOption,
    lambda: sumFactorOption,
    start: startOption,
    rankCap: deployedRankOption,
  }),
  create: ({ rate, lambda, start, rankCap }) =>
    runningMerge<NamedTensors>({
      start,
      fold: (sum, adapter, count, kit) => addUpdate(sum, thinned(adapter, rate, count - 1, kit)),
      read: (sum, count) => scaleAdapter(adapterOf(widenUpdate(sum), rankCap), lambda ?? 1 / count),
    }),
});
