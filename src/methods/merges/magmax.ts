/**
 * MagMax (Marczak et al., arXiv 2407.06322) on LoRA updates, in ΔW space.
 *
 * 1. Train on from the adapter that the last task's training left; its update τ_t is all that then differs from W0.
 * 2. Keep, entry by entry, the update of largest magnitude among τ_1 … τ_t; where magnitudes tie, the later one.
 * 3. Deploy λ times that.
 *
 * The maximum runs along, so that one dense ΔW is kept whatever the number of tasks: it is no longer of low rank.
 *
 * The paper's: all of it, and λ = 0.5. `start` gives its ablation with independent tasks.
 *
 * @module
 */
import { z } from "zod";
import type { NamedTensors } from "../../core/tensors.ts";
import { larger } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mergeUpdates, roundUpdate, updateOf, widenUpdate } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOptionOf } from "../start.ts";
import { deployedRankOption, factorOption, runningMerge } from "./merge_method.ts";

/** Maximum magnitude. */
export const magmax: MethodDefinition = defineMethod({
  name: "magmax",
  summary: "Adapters train in sequence; each entry of the update is the largest that any task had",
  source: "Marczak et al., arXiv 2407.06322",
  family: "merge",
  year: 2024,
  adapted: "Updates of LoRA adapters",
  keeps: "One dense update, and the adapter that the last training left",
  options: z.strictObject({
    lambda: factorOption.default(0.5),
    start: startOptionOf("sequential"),
    rankCap: deployedRankOption,
  }),
  create: ({ lambda, start, rankCap }) =>
    runningMerge<NamedTensors>({
      start,
      fold(largest, adapter) {
        // Rounded as what is kept, so that equal magnitudes stay equal.
        const update = roundUpdate(updateOf(adapter));
        if (!largest) return update;
        const both = [widenUpdate(largest), widenUpdate(update)];
        return roundUpdate(mergeUpdates(both, ([x, y]) => larger(x!, y!)));
      },
      read: (largest) => scaleAdapter(adapterOf(widenUpdate(largest), rankCap), lambda),
    }),
});
