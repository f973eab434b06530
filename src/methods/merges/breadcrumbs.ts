/**
 * Model Breadcrumbs (Davari and Belilovsky, arXiv 2312.06795) on LoRA updates, in ΔW space.
 *
 * 1. At every site, drop the fraction `low` of the smallest entries of a task's update, which are noise, and the
 *    fraction `high` of the largest, which are outliers.
 * 2. Add the band that is left to the running sum.
 * 3. Deploy λ times the sum; λ = 1 / tasks by default.
 *
 * The masks need no other task, so that one dense sum is all that is kept.
 *
 * The paper's: the band per layer and the sum (with λ 0.3 for eight data sets, 85 % and 0.7 % dropped). `low` 0.5 and
 * `high` 0.01 are what a comparison of merges in class-incremental learning settled on.
 *
 * @module
 */
import { z } from "zod";
import type { NamedTensors } from "../../core/tensors.ts";
import { keepBand } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { adapterOf, mapUpdate, updateOf, widenUpdate } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { addUpdate } from "./dare.ts";
import { deployedRankOption, runningMerge, sumFactorOption } from "./merge_method.ts";

/** A band of magnitudes. */
export const breadcrumbs: MethodDefinition = defineMethod({
  name: "breadcrumbs",
  summary: "The smallest and the largest entries of each update dropped, the rest summed",
  source: "Davari and Belilovsky, arXiv 2312.06795",
  family: "merge",
  year: 2023,
  adapted: "Updates of LoRA adapters",
  keeps: "One dense update: the sum",
  options: z.strictObject({
    low: z.number().min(0).max(0.99).default(0.5).describe(
      "Fraction of each site's smallest entries that is dropped",
    ),
    high: z.number().min(0).max(0.99).default(0.01).describe(
      "Fraction of each site's largest entries that is dropped",
    ),
    lambda: sumFactorOption,
    start: startOption,
    rankCap: deployedRankOption,
  }).refine(({ low, high }) => low + high < 1, {
    path: ["high"],
    error: "low and high together leave nothing",
  }),
  create: ({ low, high, lambda, start, rankCap }) =>
    runningMerge<NamedTensors>({
      start,
      fold: (sum, adapter) =>
        addUpdate(sum, mapUpdate(updateOf(adapter), (entries) => keepBand(entries, low, high))),
      read: (sum, count) => scaleAdapter(adapterOf(widenUpdate(sum), rankCap), lambda ?? 1 / count),
    }),
});
