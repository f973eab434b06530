/**
 * Core space merging (Panariello et al., arXiv 2509.17786): updates are merged as small cores between common bases.
 *
 * 1. Train each task's adapter by itself and keep it.
 * 2. Site by site, U and V are the left singular vectors of [B_1 … B_T] and of [A_1; …; A_T]ᵀ; ΔW_t = U M_t Vᵀ exactly.
 * 3. Merge the M_t by a rule that looks at their entries: TIES, or DARE and a mean.
 * 4. Deploy λ · U M Vᵀ.
 *
 * Sums, TSV-M and Iso-C only turn with the bases, so they are the same in core space, and this project's `taskarith`,
 * `tsv` and `iso-c` are computed there anyhow. Entries are ranked within a site.
 *
 * @module
 */
import { z } from "zod";
import { mergeCores } from "../../merge/core_space.ts";
import { dropRescale, electedMean, trim, weightedSum } from "../../merge/entrywise.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { mapUpdate, mergeUpdates } from "../../merge/update.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { dropSeed, stackMerge } from "../merges/merge_method.ts";
import { startOption } from "../start.ts";

/** Core space merging. */
export const coreSpace: MethodDefinition = defineMethod({
  name: "core-space",
  summary: "TIES or DARE on small cores between bases that all tasks' factors share",
  source: "Panariello et al., arXiv 2509.17786",
  family: "merge",
  year: 2025,
  adapted: "Merged anew after every task instead of once",
  keeps: "The adapters of all tasks",
  options: z.strictObject({
    rule: z.enum(["ties", "dare"]).default("ties")
      .describe("TIES, or a mean of cores of which entries were dropped at random"),
    keep: z.number().gt(0).max(1).default(0.2).describe("TIES: fraction of entries kept of every core"),
    rate: z.number().min(0).max(0.99).default(0.7).describe("DARE: probability that an entry is dropped"),
    lambda: z.number().min(0).default(0.6).describe("Factor λ of the merged update"),
    start: startOption,
  }),
  create: ({ rule, keep, rate, lambda, start }) =>
    stackMerge({
      start,
      merge(adapters, kit) {
        const merged = mergeCores(adapters, (cores) => {
          if (rule === "ties") {
            return mergeUpdates(cores.map((core) => trim(core, keep, "site")), electedMean);
          }
          const thinned = cores.map((core, t) =>
            mapUpdate(core, (entries, site) => dropRescale(entries, rate, dropSeed(kit, t, site)))
          );
          return mergeUpdates(
            thinned,
            (entries) => weightedSum(entries, entries.map(() => 1 / entries.length)),
          );
        });
        return scaleAdapter(merged, lambda);
      },
    }),
});
