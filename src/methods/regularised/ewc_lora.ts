/**
 * EWC-LoRA (Revisiting weight regularisation for low-rank continual learning, arXiv 2602.17559): elastic weight
 * consolidation where what matters is the update ΔW and not the factors that write it.
 *
 * 1. Start a fresh (A_t, B_t); what was learnt before takes part in the forward pass as it is.
 * 2. Train it with the loss L + λ/2 Σ_sites Σ F ∘ ΔW_t², where ΔW_t = s B_t A_t is the new update alone.
 * 3. At the end estimate F_t, the squared gradients of batches with respect to ΔW; F ← γ F + F_t.
 * 4. Merge: W ← W + ΔW_t (`merge=update`, the paper), or A ← A + A_t and B ← B + B_t (`merge=factors`, the code).
 *
 * λ = 1e7, γ = 1 and batches of 128 are the published code's. `merge=factors` deploys (Σ B)(Σ A), which has products
 * B_i A_j that no penalty saw; the published numbers come from it. As there, the newest update is added up with the
 * others when the next task begins.
 *
 * F is dense: a number for each weight of every adapted projection. That is what the method keeps, and it is the most
 * of all regularisers here: 12 · 2 · 768² numbers, 54 MiB, for a ViT-B. The published F covers k and v; here it covers
 * the run's targets. All images are used there, `samples` here.
 *
 * @module
 */
import { z } from "zod";
import { hostTensor } from "../../core/tensors.ts";
import { add, matmul, mul, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { mapPairs } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { factorName, loraSites } from "../../nn/sites.ts";
import { adapterMethod, type ExtraLoss } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { frozenSum } from "../pieces/frozen_sum.ts";
import { batchFisher, gradientSums } from "./dense_fisher.ts";

/** F of each site [out, in]. */
export type DenseFisher = { readonly [site: string]: Float32Array };

/** What was merged, the newest update beside it, and F; each absent until there is one. */
export type EwcLoraState = {
  readonly merged: Adapter | null;
  readonly last: Adapter | null;
  readonly fisher: DenseFisher | null;
  readonly tasks: number;
};

/** EWC-LoRA. */
export const ewcLora: MethodDefinition = defineMethod({
  name: "ewc-lora",
  summary: "Updates held back where the Fisher information of ΔW says that earlier tasks need the weights",
  source: "arXiv 2602.17559",
  family: "regularised",
  year: 2026,
  keeps:
    "The merged update, the newest one, and a dense Fisher information: a number for each adapted weight",
  options: z.strictObject({
    lambda: z.number().min(0).default(1e7).describe("Strength λ of the quadratic penalty"),
    gamma: z.number().min(0).max(1).default(1).describe("Decay γ of earlier tasks' Fisher information"),
    batch: z.int().min(1).default(128).describe("Images whose mean gradient is squared"),
    samples: z.int().min(1).default(512).describe("Images per task from which the Fisher is estimated"),
    merge: z.enum(["update", "factors"]).default("update")
      .describe("Whether updates are added up (the paper), or their factors (its code)"),
  }),
  create: ({ lambda, gamma, batch, samples, merge }) => {
    const mergedOf = ({ merged, last }: EwcLoraState) => combine(merged, last, merge);
    return adapterMethod({
      trains: "task",
      init: (): EwcLoraState => ({ merged: null, last: null, fisher: null, tasks: 0 }),
      begin(state: EwcLoraState, task, kit) {
        const frozen = frozenSum(mergedOf(state), merge === "factors" ? 1 : state.tasks, kit);
        return {
          start: kit.freshAdapter(`task ${task.index}`),
          frozen: merge === "factors" ? { ...frozen, rank: kit.lora.rank } : frozen,
          extraLoss: updatePenalty(state.fisher, lambda, kit),
        };
      },
      async end(state: EwcLoraState, task, { adapter, classifier }, kit): Promise<EwcLoraState> {
        const merged = mergedOf(state);
        const whole = sumOf(merged, adapter)!;
        const fisher = batchFisher(await gradientSums(kit, task, whole, classifier, samples), batch);
        return {
          merged,
          last: adapter,
          fisher: accumulate(state.fisher, fisher, gamma),
          tasks: state.tasks + 1,
        };
      },
      deploy: ({ merged, last }: EwcLoraState) => sumOf(merged, last) ?? undefined,
    });
  },
});

/** The adapter of the sum of two updates. */
function sumOf(merged: Adapter | null, last: Adapter | null): Adapter | null {
  const terms = [merged, last].filter((term) => term !== null);
  return terms.length > 0 ? compress(concat(terms), null) : null;
}

/** Step 4. */
export function combine(
  merged: Adapter | null,
  last: Adapter | null,
  merge: "update" | "factors",
): Adapter | null {
  if (merge === "update") return sumOf(merged, last);
  if (!merged || !last) return last;
  return mapPairs(last, ({ a, b }, site) => {
    const earlier = merged.pairs[site]!;
    return {
      a: hostTensor(a.shape, a.data.map((value, i) => value + earlier.a.data[i]!)),
      b: hostTensor(b.shape, b.data.map((value, i) => value + earlier.b.data[i]!)),
    };
  });
}

/** λ/2 Σ F ∘ (s B A)². The weights are fed, so that λ and the task change values and not the graph. */
export function updatePenalty(
  fisher: DenseFisher | null,
  lambda: number,
  { config, lora }: Pick<Kit, "config" | "lora">,
): ExtraLoss {
  const sites = loraSites(config, lora.targets);
  const factor = lambda / 2 * lora.scale ** 2;
  return {
    tensors: Object.fromEntries(sites.map(({ name, inputs, outputs }) => [
      name,
      hostTensor([outputs, inputs], fisher ? fisher[name]!.map((value) => factor * value) : undefined),
    ])),
    build({ adapter, tensors }): Tensor {
      const terms = sites.map(({ name }) => {
        const update = matmul(adapter[factorName(name, "B")]!, adapter[factorName(name, "A")]!);
        return sum(mul(tensors[name]!, mul(update, update)));
      });
      return terms.reduce(add);
    },
  };
}

/** γ F + F_t. */
function accumulate(earlier: DenseFisher | null, found: DenseFisher, gamma: number): DenseFisher {
  return Object.fromEntries(
    Object.entries(found).map(([site, values]) => [
      site,
      values.map((value, i) => value + gamma * (earlier?.[site]?.[i] ?? 0)),
    ]),
  );
}
