/**
 * DARE (Yu et al., arXiv 2311.03099) before the election of TIES (Yadav et al., arXiv 2306.01708), in ΔW space.
 *
 * 1. Drop each entry of a task's update with probability `rate` and multiply the rest by 1 / (1 - rate).
 * 2. Elect the sign of the sum per entry and average the entries that are not zero and have it; nothing is trimmed.
 * 3. Deploy λ times that.
 *
 * The draws of a task are the same at every merge. At rate 0 this is TIES with `keep` 1.
 *
 * The paper's: that dropping stands in for trimming. `rate` as in `dare`.
 *
 * @module
 */
import { z } from "zod";
import { electedMean } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mergeUpdates } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { rateOption, thinned } from "./dare.ts";
import { deployedRankOption, factorOption, stackMerge } from "./merge_method.ts";

/** Drop and rescale, then elect. */
export const dareTies: MethodDefinition = defineMethod({
  name: "dare-ties",
  summary: "Entries of updates dropped at random and rescaled, then merged by elected signs",
  source: "Yu et al., arXiv 2311.03099, with the election of Yadav et al., arXiv 2306.01708",
  family: "merge",
  year: 2023,
  adapted: "Updates of LoRA adapters",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    rate: rateOption,
    lambda: factorOption,
    start: startOption,
    rankCap: deployedRankOption,
  }),
  create: ({ rate, lambda, start, rankCap }) =>
    stackMerge({
      start,
      merge(adapters, kit) {
        const left = adapters.map((adapter, task) => thinned(adapter, rate, task, kit));
        return scaleAdapter(adapterOf(mergeUpdates(left, electedMean), rankCap), lambda);
      },
    }),
});
