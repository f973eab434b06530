/**
 * EMR-merging (Huang et al., arXiv 2405.17461) without task identity: what is left of it as one adapter.
 *
 * 1. Elect: the sign of an entry is that of its sum over the tasks' updates; the unified entry is the largest that has
 *    this sign, 0 where the sum is 0.
 * 2. Mask: M_t, where the update of task t has the elected sign.
 * 3. Rescale: λ_t = Σ |τ_t| / Σ |M_t ∘ τ_uni|, over all sites.
 *
 * The paper deploys λ_t · M_t ∘ τ_uni for a task that it is told. In class-incremental learning nobody tells it. What
 * is deployed here is τ_uni itself with no mask, times the mean of the λ_t (`rescale=mean`): the unified update is
 * longer than any task's, and the rescalers say by how much. `none` deploys it at its length. Choosing masks by a
 * router is another method.
 *
 * The paper's: steps 1 to 3. Ours: that masks are left out and rescalers averaged.
 *
 * @module
 */
import { z } from "zod";
import { electedLargest } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mergeUpdates, type Update, updateOf } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { deployedRankOption, stackMerge } from "./merge_method.ts";

/** Steps 2 and 3: λ_t of one task; 1 where nothing is left to rescale. */
export function rescaler(update: Update, unified: Update): number {
  let own = 0;
  let left = 0;
  for (const [site, { data }] of Object.entries(update)) {
    const elected = unified[site]!.data;
    data.forEach((value, i) => {
      own += Math.abs(value);
      if (value * elected[i]! > 0) left += Math.abs(elected[i]!);
    });
  }
  return left > 0 ? own / left : 1;
}

/** Elect, and rescale by the mean. */
export const emr: MethodDefinition = defineMethod({
  name: "emr",
  summary: "The largest entry with the elected sign in each place, at the tasks' mean scale",
  source: "Huang et al., arXiv 2405.17461",
  family: "merge",
  year: 2024,
  adapted: "One update for all tasks: no task's mask, the mean of their rescalers",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    rescale: z.enum(["mean", "none"]).default("mean")
      .describe("Whether the unified update is multiplied by the mean of the tasks' rescalers"),
    start: startOption,
    rankCap: deployedRankOption,
  }),
  create: ({ rescale, start, rankCap }) =>
    stackMerge({
      start,
      merge(adapters) {
        const updates = adapters.map(updateOf);
        const unified = mergeUpdates(updates, electedLargest);
        const merged = adapterOf(unified, rankCap);
        if (rescale === "none") return merged;
        const total = updates.reduce((sum, update) => sum + rescaler(update, unified), 0);
        return scaleAdapter(merged, total / updates.length);
      },
    }),
});
