/**
 * Task singular vectors, TSV-M (Gargiulo et al., arXiv 2412.00081), on LoRA updates.
 *
 * 1. Train each task's adapter by itself and keep it.
 * 2. Site by site, keep the leading singular triplets of every ΔW_t: floor(smaller side of ΔW / T) of them, so that all
 *    together still fit into ΔW; an adapter has no more than its rank.
 * 3. Replace [U_1 … U_T] and [V_1 … V_T] by their polar factors, the nearest matrices with orthonormal columns.
 * 4. Deploy λ · Ũ diag(σ_1, …, σ_T) Ṽᵀ.
 *
 * The share of step 2 counts the side of ΔW, as the authors' code does, and not the rank: with a wide backbone nothing is
 * dropped. Where the stacked vectors depend on one another, which adapters from equal A may, their polar factor is the
 * partial isometry, which needs no arbitrary directions; equal adapters then merge into themselves. All of it turns with
 * the bases, so in core space (`core-space`) it is the same merge.
 *
 * @module
 */
import { z } from "zod";
import { tsvAdapters } from "../../merge/tsv.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { stackMerge } from "../merges/merge_method.ts";
import { startOption } from "../start.ts";

/** TSV-M. */
export const tsv: MethodDefinition = defineMethod({
  name: "tsv",
  summary: "Leading singular vectors of all updates made orthogonal to one another, then summed",
  source: "Gargiulo et al., arXiv 2412.00081",
  family: "merge",
  year: 2024,
  adapted: "Merged anew after every task instead of once",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    triplets: z.int().min(1).nullable().default(null)
      .describe(
        "Singular triplets kept of every update; null is floor(smaller side of the weight / tasks so far)",
      ),
    lambda: z.number().min(0).default(1).describe("Factor λ of the merged update"),
    start: startOption,
  }),
  create: ({ triplets, lambda, start }) =>
    stackMerge({ start, merge: (adapters) => tsvAdapters(adapters, { triplets, scale: lambda }) }),
});
