/**
 * Isotropic merging, Iso-C (Marczak et al., arXiv 2502.04959), on LoRA updates.
 *
 * 1. Train each task's adapter by itself and add its update to the sum.
 * 2. Site by site, replace all singular values of the sum by their mean.
 * 3. Deploy λ · U diag(mean) Vᵀ.
 *
 * The authors' mean runs over the smaller side of ΔW. A sum of adapters has rank Σ r at most, so most of those values are
 * zero, and lifting them would fill ΔW with directions that no task chose; users of the authors' code report that LoRA
 * wants λ of 3.5 to 4.5. Ours runs over the directions that the sum has. With 8 adapters of rank 16 at width 768 it
 * is 6 times as large, so that 4 there is 0.67 here. The paper tunes λ; the default of 1 / √t is ours, and keeps a sum of
 * unrelated updates about as long as one of them. Kept as singular triplets in float64, since rounding of a sum would
 * be lifted along with it. All of it turns with the bases, so in core space (`core-space`) it is the same merge.
 *
 * @module
 */
import { z } from "zod";
import { commonSites } from "../../merge/delta.ts";
import { isotropic } from "../../merge/iso.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import {
  adapterOfFactors,
  addFactors,
  factorsAt,
  factorsOfSpectrum,
  type Spectra,
  spectrumOf,
} from "../../merge/spectrum.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { runningMerge } from "../merges/merge_method.ts";
import { startOption } from "../start.ts";

/** Iso-C. */
export const isoC: MethodDefinition = defineMethod({
  name: "iso-c",
  summary: "The sum of all updates with its singular values made equal",
  source: "Marczak et al., arXiv 2502.04959",
  family: "merge",
  year: 2025,
  adapted: "Merged anew after every task; the mean is over the directions that the sum of the adapters has",
  keeps: "The sum of the updates in float64, whose rank grows up to full rank",
  options: z.strictObject({
    lambda: z.number().min(0).nullable().default(null)
      .describe("Factor λ of the merged update; null is 1 / √(tasks so far)"),
    start: startOption,
  }),
  create: ({ lambda, start }) =>
    runningMerge({
      start,
      fold(sum: Spectra | null, adapter): Spectra {
        const sums = commonSites([adapter]).map((site) => {
          const update = factorsAt(adapter, site);
          return [
            site,
            spectrumOf(sum ? addFactors(factorsOfSpectrum(sum[site]!), update) : update),
          ] as const;
        });
        return Object.fromEntries(sums);
      },
      read(sum: Spectra, count) {
        const updates = Object.entries(sum).map(([site, spectrum]) =>
          [site, factorsOfSpectrum(isotropic(spectrum))] as const
        );
        return scaleAdapter(adapterOfFactors(Object.fromEntries(updates)), lambda ?? 1 / Math.sqrt(count));
      },
    }),
});
