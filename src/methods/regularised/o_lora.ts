/**
 * O-LoRA (Wang et al., arXiv 2310.14152): every task learns in directions of its own. The rows of A span what an
 * adapter reads; a task whose rows are orthogonal to those of earlier tasks leaves alone what they wrote.
 *
 * 1. Start a fresh adapter; those of earlier tasks take part in the forward pass with fixed factors.
 * 2. Train it with the loss L + λ₁ Σ_sites Σ_{i<t} Σ |A_i A_tᵀ| + λ₂ Σ_sites (‖A_t‖ + ‖B_t‖).
 * 3. Deploy Σ_i ΔW_i, which is one adapter.
 *
 * λ₁ = 0.5 and λ₂ = 0 are the published code's, and so are the absolute values (the paper writes squares). The sum of
 * absolute values is large against a cross-entropy (about 25 for each earlier task at width 128 and rank 8, before
 * training); AdamW scales that away, so λ₁ is how much the gradient of A hears of the task at all. There is room for
 * width / rank tasks; what comes later than that can only make its rows short.
 *
 * The rows of earlier tasks stand in `PLACES` places of the penalty, those without a task zero.
 *
 * @module
 */
import { z } from "zod";
import { hostTensor } from "../../core/tensors.ts";
import { abs, add, matmul, mul, sqrt, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { factorName, loraSites } from "../../nn/sites.ts";
import { adapterMethod, type ExtraLoss } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { frozenSum, PLACES, placesFor } from "../pieces/frozen_sum.ts";

/** The adapters of all tasks so far. */
export type OLoraState = { readonly adapters: readonly Adapter[] };

/** O-LoRA. */
export const oLora: MethodDefinition = defineMethod({
  name: "o-lora",
  summary: "Adapters that read orthogonal directions, summed",
  source: "Wang et al., arXiv 2310.14152",
  family: "regularised",
  year: 2023,
  keeps: "The adapters of all tasks",
  grows:
    `The rows that a task keeps away from grow with tasks; every ${PLACES} tasks compile another program`,
  options: z.strictObject({
    lambda: z.number().min(0).default(0.5).describe("Strength λ₁ of the overlap with earlier tasks' A"),
    length: z.number().min(0).default(0).describe("Strength λ₂ of the lengths of A and B"),
  }),
  create: ({ lambda, length }) =>
    adapterMethod({
      trains: "task",
      init: (): OLoraState => ({ adapters: [] }),
      begin: ({ adapters }: OLoraState, task, kit) => ({
        start: kit.freshAdapter(`task ${task.index}`),
        frozen: frozenSum(total(adapters), adapters.length, kit),
        extraLoss: overlap(adapters, lambda, length, kit),
      }),
      end: ({ adapters }: OLoraState, _task, { adapter }): OLoraState => ({
        adapters: [...adapters, adapter],
      }),
      deploy: ({ adapters }: OLoraState) => total(adapters) ?? undefined,
    }),
});

function total(adapters: readonly Adapter[]): Adapter | null {
  return adapters.length > 0 ? compress(concat(adapters), null) : null;
}

/** λ₁ Σ |A_i A_tᵀ| + λ₂ (‖A_t‖ + ‖B_t‖), both sums over sites. */
export function overlap(
  earlier: readonly Adapter[],
  lambda: number,
  length: number,
  { config, lora }: Pick<Kit, "config" | "lora">,
): ExtraLoss {
  const sites = loraSites(config, lora.targets);
  const rows = sites.map(({ name, inputs }) => {
    const stacked = hostTensor([placesFor(earlier.length) * lora.rank, inputs]);
    earlier.forEach(({ pairs }, place) => stacked.data.set(pairs[name]!.a.data, place * lora.rank * inputs));
    return [name, stacked] as const;
  });
  return {
    tensors: {
      ...Object.fromEntries(rows),
      lambda: hostTensor([1], Float32Array.of(lambda)),
      length: hostTensor([1], Float32Array.of(length)),
    },
    build({ adapter, tensors }): Tensor {
      const overlaps = sites.map(({ name }) =>
        sum(abs(matmul(tensors[name]!, adapter[factorName(name, "A")]!, { transposeB: true })))
      );
      const lengths = sites.flatMap(({ name }) =>
        (["A", "B"] as const).map((factor) => {
          const values = adapter[factorName(name, factor)]!;
          // The small term keeps the gradient of B = 0 finite.
          return sqrt(add(sum(mul(values, values)), 1e-12));
        })
      );
      return add(
        mul(overlaps.reduce(add), tensors["lambda"]!),
        mul(lengths.reduce(add), tensors["length"]!),
      );
    },
  };
}
