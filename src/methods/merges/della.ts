/**
 * DELLA (Deep et al., arXiv 2406.11617) on LoRA updates, in ΔW space.
 *
 * 1. MagPrune: rank the entries of each row of a task's update by magnitude. Drop the largest with probability
 *    `rate` - `spread` / 2, the smallest with `rate` + `spread` / 2, linearly in the rank between, and divide what is
 *    left by the probability with which it was kept.
 * 2. Elect the sign of the sum per entry.
 * 3. Fuse: the mean of the entries that are not zero and have that sign.
 * 4. Deploy λ times that.
 *
 * The draws of a task are the same at every merge. With `spread` 0 this is `dare-ties`.
 *
 * The paper's: all of it. `rate` 0.5 is what a comparison of merges in class-incremental learning settled on.
 *
 * @module
 */
import { z } from "zod";
import { dropByRank, electedMean } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mapUpdate, mergeUpdates, updateOf } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { rateOption } from "./dare.ts";
import { deployedRankOption, dropSeed, factorOption, stackMerge } from "./merge_method.ts";

/** Drop by magnitude and rescale, then elect. */
export const della: MethodDefinition = defineMethod({
  name: "della",
  summary: "Small entries of updates dropped more often than large ones, then merged by elected signs",
  source: "Deep et al., arXiv 2406.11617",
  family: "merge",
  year: 2024,
  adapted: "Updates of LoRA adapters",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    rate: rateOption,
    spread: z.number().min(0).max(1).default(0.2)
      .describe("How much likelier the smallest entry of a row is dropped than the largest"),
    lambda: factorOption,
    start: startOption,
    rankCap: deployedRankOption,
  }).refine(({ rate, spread }) => rate - spread / 2 >= 0 && rate + spread / 2 < 1, {
    path: ["spread"],
    error: "rate - spread / 2 and rate + spread / 2 must be probabilities below 1",
  }),
  create: ({ rate, spread, lambda, start, rankCap }) =>
    stackMerge({
      start,
      merge(adapters, kit) {
        const left = adapters.map((adapter, task) =>
          mapUpdate(
            updateOf(adapter),
            (entries, site, [, inputs]) =>
              dropByRank(entries, inputs!, { rate, spread, seed: dropSeed(kit, task, site) }),
          )
        );
        return scaleAdapter(adapterOf(mergeUpdates(left, electedMean), rankCap), lambda);
      },
    }),
});
