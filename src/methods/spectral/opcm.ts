/**
 * Orthogonal projection-based continual merging, OPCM (Tang et al., arXiv 2501.09522), on LoRA updates.
 *
 * 1. Train the task's adapter by itself; Δ is its update.
 * 2. With the singular triplets U, σ, V of the merged update τ, take from P = UᵀΔV its diagonal and its leading block of
 *    ρ rows and columns; ρ counts the leading σ whose sum stays within α of the sum of all. Δ' = Δ - U (taken) Vᵀ.
 * 3. τ ← λ τ + Δ', where λ undoes the last rescaling.
 * 4. Rescale τ over all sites together to the mean norm of the updates so far; λ ← norm before / norm after.
 *
 * The published code decomposes with square U and V and so also takes the diagonal between directions in which τ is
 * zero. Which these are is up to the library; we leave them alone. Its ρ is the index, from 0, of the σ at which the sum
 * passes α, as here; its documentation writes the same condition with a count from 1, which protects one direction more
 * (`boundary=protected`). The block that is taken is the leading one alone, as in the code.
 *
 * @module
 */
import { z } from "zod";
import { adapterOfFactors, factorsAt } from "../../merge/spectrum.ts";
import { commonSites } from "../../merge/delta.ts";
import { mergedFactors, type OpcmState, opcmStep } from "../../merge/opcm.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { runningMerge } from "../merges/merge_method.ts";
import { startOption } from "../start.ts";

/** OPCM. */
export const opcm: MethodDefinition = defineMethod({
  name: "opcm",
  summary:
    "Each update is cleaned of what lies along the merged one, added, and the whole kept at one length",
  source: "Tang et al., arXiv 2501.09522",
  family: "merge",
  year: 2025,
  adapted: "The updates are those of adapters; directions in which the merged update is zero are left alone",
  keeps: "The merged update in float64, whose rank grows up to full rank, and two numbers",
  options: z.strictObject({
    alpha: z.number().min(0).max(1).default(0.5)
      .describe(
        "Leading singular values of the merged update are protected while their sum is within this share",
      ),
    boundary: z.enum(["open", "protected"]).default("open")
      .describe("Whether the singular value at which their sum passes alpha is protected along with them"),
    space: z.enum(["core", "dense"]).default("core")
      .describe(
        "Whether the merged update is kept as singular triplets or as matrices; the result is the same",
      ),
    start: startOption,
  }),
  create: ({ alpha, boundary, space, start }) =>
    runningMerge({
      start,
      fold(merged: OpcmState | null, adapter) {
        const update = commonSites([adapter]).map((site) => [site, factorsAt(adapter, site)] as const);
        return opcmStep(merged ?? undefined, Object.fromEntries(update), { share: alpha, boundary, space });
      },
      read({ sites }: OpcmState) {
        const updates = Object.entries(sites).map(([site, update]) => [site, mergedFactors(update)] as const);
        return adapterOfFactors(Object.fromEntries(updates));
      },
      facts: ({ stretch, meanNorm }: OpcmState) => ({ stretch, meanNorm }),
    }),
});
