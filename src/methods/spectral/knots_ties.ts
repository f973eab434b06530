/**
 * KnOTS-TIES (Stoica et al., arXiv 2410.19735): TIES on updates that were first written in one basis.
 *
 * 1. Train each task's adapter by itself and keep it.
 * 2. Site by site, decompose [ΔW_1 | … | ΔW_T] = U Σ [V_1ᵀ | … | V_Tᵀ].
 * 3. TIES on the Σ V_tᵀ: keep the largest entries of each, elect a sign for each entry, average those that have it.
 * 4. Deploy λ · U · merged.
 *
 * The authors rank entries over the whole model (`trim=model`); by default they are ranked within a site, as in this
 * project's `ties`, of which this is then the same where the updates stand in one basis already. Entries kept are
 * round(keep · entries) of each, at least one. The authors drop singular values below 1e-5; we drop those below 1e-9 of
 * the largest. An entry whose sum is zero has no sign and gets zero.
 *
 * @module
 */
import { z } from "zod";
import { knotsTies as merge } from "../../merge/knots.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { stackMerge } from "../merges/merge_method.ts";
import { startOption } from "../start.ts";

/** KnOTS-TIES. */
export const knotsTies: MethodDefinition = defineMethod({
  name: "knots-ties",
  summary: "TIES on task updates that were aligned by one singular value decomposition",
  source: "Stoica et al., arXiv 2410.19735",
  family: "merge",
  year: 2024,
  adapted: "Merged anew after every task instead of once",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    keep: z.number().gt(0).max(1).default(0.2).describe("Fraction of entries kept of every aligned update"),
    lambda: z.number().min(0).default(0.6).describe("Factor λ of the merged update"),
    trim: z.enum(["site", "model"]).default("site")
      .describe("Whether entries are ranked within a site or over the whole model"),
    start: startOption,
  }),
  create: ({ keep, lambda, trim, start }) =>
    stackMerge({ start, merge: (adapters) => merge(adapters, { keep, scale: lambda, over: trim }) }),
});
