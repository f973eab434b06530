/**
 * TIES (Yadav et al., arXiv 2306.01708) on LoRA updates, in ΔW space.
 *
 * 1. Trim: keep the fraction `keep` of the entries of each update with the largest magnitudes.
 * 2. Elect: the sign of an entry is that of its sum over the trimmed updates.
 * 3. Merge: the mean of those trimmed entries that are not zero and have the elected sign; 0 where the sum is 0.
 * 4. Deploy λ times that.
 *
 * The paper's: the three steps, `keep` 0.2 and λ 1, its recipe where nothing can be tuned; and that entries are ranked
 * over the whole model (`trim=model`). Reading: they are ranked within each site by default, as PEFT does, because
 * updates of queries and values differ in size. round(`keep` · entries) are kept, at least one, and what ties with the
 * smallest of them.
 *
 * @module
 */
import { z } from "zod";
import { electedMean, trim } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mergeUpdates, updateOf } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { deployedRankOption, factorOption, stackMerge } from "./merge_method.ts";

/** TIES-merging. */
export const ties: MethodDefinition = defineMethod({
  name: "ties",
  summary: "Updates trimmed by magnitude, a sign elected per entry, agreeing entries averaged",
  source: "Yadav et al., arXiv 2306.01708",
  family: "merge",
  year: 2023,
  adapted: "Updates of LoRA adapters, each site trimmed by itself",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    keep: z.number().gt(0).max(1).default(0.2).describe(
      "Fraction of each update's entries that trimming keeps",
    ),
    trim: z.enum(["site", "model"]).default("site")
      .describe("Whether trimming ranks entries within their site or over all sites together"),
    lambda: factorOption,
    start: startOption,
    rankCap: deployedRankOption,
  }),
  create: ({ keep, trim: over, lambda, start, rankCap }) =>
    stackMerge({
      start,
      merge(adapters) {
        const trimmed = adapters.map((adapter) => trim(updateOf(adapter), keep, over));
        return scaleAdapter(adapterOf(mergeUpdates(trimmed, electedMean), rankCap), lambda);
      },
    }),
});
