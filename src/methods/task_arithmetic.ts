/**
 * Task arithmetic (Ilharco et al., arXiv 2212.04089) on LoRA updates, in ΔW space.
 *
 * 1. Train each task's adapter from the pre-trained weights, independently of the other tasks.
 * 2. Add its update to the running sum.
 * 3. Deploy W0 + λ Σ_t ΔW_t. λ = 1/t is the mean of the updates (as MagMax and Mammoth's TAK merge).
 *
 * @module
 */
import { z } from "zod";
import { adapterMethod } from "./adapter_method.ts";
import { defineMethod, type MethodDefinition } from "./definition.ts";
import { addToSum, emptySum, rankCapOption, scaledSum, type SumState } from "./running_sum.ts";
import { type LastState, lastTrained, startOption, taskStart } from "./start.ts";

/** Scaled sum of independently trained adapters. */
export const taskArithmetic: MethodDefinition = defineMethod({
  name: "taskarith",
  summary: "Adapters trained independently, their updates summed and scaled",
  source: "Ilharco et al., arXiv 2212.04089",
  family: "merge",
  year: 2023,
  keeps: "The sum of the updates",
  options: z.strictObject({
    lambda: z.number().min(0).nullable().default(null)
      .describe("Factor of the summed updates; null is 1 / number of tasks so far"),
    start: startOption,
    rankCap: rankCapOption,
  }),
  create: ({ lambda, start, rankCap }) =>
    adapterMethod({
      trains: "task",
      init: (): SumState & LastState => emptySum,
      begin: (state, task, kit) => ({ start: taskStart(kit, task.index, start, state) }),
      end: (state, _task, { adapter }) => ({
        ...addToSum(state, adapter, rankCap),
        ...lastTrained(adapter, start),
      }),
      deploy: (state) => scaledSum(state, lambda ?? 1 / state.count),
    }),
});
