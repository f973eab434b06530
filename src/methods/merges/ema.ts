/**
 * Exponential moving average of adapters that train in sequence: "spectral merging" of 2026 without its truncation,
 * which its own ablation found to change nothing. The rival that any merge of independent adapters has to beat.
 *
 * 1. Train on from w_{t-1}, the adapter that the last task's training left (not from the average).
 * 2. M_1 = w_1; M_t = M_{t-1} + α (w_t - M_{t-1}), in ΔW space.
 * 3. Deploy M_t.
 *
 * α = 1 is `naive`, α = 1/2 the pairwise average, and small α remembers. A sum of low-rank updates gains rank with
 * every task, up to the full rank of ΔW; `rankCap` cuts it by a truncated SVD after each step.
 *
 * The paper's: the rule and α (0.10 to 0.30 by data set). Ours: ΔW space (its code moves A and B each, with cross
 * terms), the run's optimiser, and no alignment of the classifier.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { startOptionOf } from "../start.ts";
import { runningMerge } from "./merge_method.ts";
import { rankCapOption } from "../running_sum.ts";

/** Moving average of sequential adapters. */
export const ema: MethodDefinition = defineMethod({
  name: "ema",
  summary: "Adapters train in sequence; their exponential moving average is deployed",
  source: "Sequential LoRA with spectral merging, 2026, without its truncation",
  family: "merge",
  year: 2026,
  adapted: "The average is taken of updates, not of factors, and no singular values are cut",
  keeps: "The average, up to full rank, and the adapter that the last training left",
  options: z.strictObject({
    alpha: z.number().gt(0).max(1).default(0.3).describe("Weight of a new task's update in the average"),
    start: startOptionOf("sequential"),
    rankCap: rankCapOption,
  }),
  create: ({ alpha, start, rankCap }) =>
    runningMerge<Adapter>({
      start,
      fold: (mean, adapter) =>
        mean ? compress(concat([mean, adapter], [1 - alpha, alpha]), rankCap) : adapter,
      read: (mean) => mean,
    }),
});
