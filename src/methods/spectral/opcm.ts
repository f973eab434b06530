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
 * passes α, as here; the block that is taken is the leading one alone, as in the code.
 *
 * @module
 */
import { z } from "zod";
import { adapterOf, factorsAt } from "../../merge/spectrum.ts";
import { commonSites } from "../../merge/delta.ts";
import { mergedFactors, type OpcmState, opcmStep } from "../../merge/opcm.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { mergeStart, mergeStartOption } from "./start.ts";

/** What is merged, and the last task's adapter where the next one starts from it. */
type State = { readonly merged: OpcmState | null; readonly last: Adapter | null };

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
    space: z.enum(["core", "dense"]).default("core")
      .describe(
        "Whether the merged update is kept as singular triplets or as matrices; the result is the same",
      ),
    start: mergeStartOption,
  }),
  create: ({ alpha, space, start }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ merged: null, last: null }),
      begin: ({ last }: State, task, kit) => ({ start: mergeStart(kit, task.index, start, last) }),
      end({ merged }: State, _task, { adapter }): State {
        const update = Object.fromEntries(
          commonSites([adapter]).map((site) => [site, factorsAt(adapter, site)]),
        );
        return {
          merged: opcmStep(merged ?? undefined, update, { share: alpha, space }),
          last: start === "sequential" ? adapter : null,
        };
      },
      deploy({ merged }: State) {
        if (!merged) return undefined;
        const updates = Object.entries(merged.sites).map(([site, update]) =>
          [site, mergedFactors(update)] as const
        );
        return adapterOf(Object.fromEntries(updates));
      },
      facts: ({ merged }: State) => merged ? { stretch: merged.stretch, meanNorm: merged.meanNorm } : {},
    }),
});
