/**
 * Averaging the factors of adapters, as model soups average weights (Wortsman et al., arXiv 2203.05482) and ACMap
 * (arXiv 2412.18219) the adapters of a class-incremental ViT.
 *
 * 1. Train each task's adapter from the same start, ACMap's "initialisation from the first".
 * 2. Move the running mean: Ā ← Ā + (A_t - Ā) / t, and B alike.
 * 3. Deploy ΔW = scale · B̄ Ā.
 *
 * It acts in factor space, so (1/t Σ B_i)(1/t Σ A_j) has the cross terms B_i A_j of tasks that never met: what PEFT and
 * many LoRA soups do, and exact only where all A are equal. The mean of the updates themselves is `space=delta`, the
 * same numbers as `taskarith` at its default; it is here so that both spaces stand in one row. In return factors keep
 * their rank, and state is one adapter.
 *
 * Reading: ACMap's bottleneck adapters are not linear and have no ΔW; its prototype shift belongs to a classifier and
 * is left to the run's.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../../merge/compress.ts";
import { concat, mixFactors } from "../../merge/concat.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOption } from "../start.ts";
import { runningMerge } from "./merge_method.ts";

/** Running mean of adapters. */
export const average: MethodDefinition = defineMethod({
  name: "average",
  summary: "Running mean of the factors A and B of the tasks' adapters",
  source: "Wortsman et al., arXiv 2203.05482; ACMap, arXiv 2412.18219",
  family: "merge",
  year: 2024,
  adapted: "LoRA factors in place of whole models or bottleneck adapters; no prototype shift",
  keeps: "One adapter: the mean factors (space=delta: the mean update, up to full rank)",
  options: z.strictObject({
    space: z.enum(["factors", "delta"]).default("factors")
      .describe("What is averaged: A and B each, cross terms and all, or their products"),
    start: startOption,
  }),
  create: ({ space, start }) =>
    runningMerge<Adapter>({
      start,
      fold(mean, adapter, count) {
        if (!mean) return adapter;
        return space === "factors"
          ? mixFactors(mean, adapter, 1 / count)
          : compress(concat([mean, adapter], [1 - 1 / count, 1 / count]), null);
      },
      read: (mean) => mean,
    }),
});
