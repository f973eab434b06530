/**
 * LoRM (Salami et al., arXiv 2410.17961): RegMean for the factors of an adapter, so that what is merged stays an adapter
 * of the run's rank.
 *
 * 1. Train the task's adapter (B_t, A_t) by itself; add to E = Σ ΔW_t G_t and G = Σ G_t as RegMean does.
 * 2. From the merged adapter (the task's own at first) alternate two closed forms: with A fixed
 *    B = E Aᵀ (A G Aᵀ)⁺, with B fixed A = (BᵀB)⁺ Bᵀ E G⁺.
 * 3. Deploy B A.
 *
 * In the paper clients train one factor while the other is common to all of them, so that each round solves one form
 * once. Tasks that come one after the other train both factors here, and the forms are alternated on the sums; each makes
 * Σ_t ‖(B A - ΔW_t) X_t‖² no larger. With a rank that suffices they end at RegMean's solution.
 *
 * @module
 */
import { z } from "zod";
import { alternate } from "../../merge/regmean.ts";
import { adapterOfFactors, factorsAt } from "../../merge/spectrum.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { addTask, type GramSums, sumsBySite } from "./gram_sums.ts";
import { offDiagonalOption } from "./regmean.ts";
import { type LastState, lastTrained, startOption, taskStart } from "../start.ts";

/** The sums, the merged adapter, and the last task's adapter where the next one starts from it. */
type State = LastState & { readonly sums: GramSums | null; readonly merged: Adapter | null };

/** LoRM. */
export const lorm: MethodDefinition = defineMethod({
  name: "lorm",
  summary: "One adapter whose factors are solved in turn to be nearest to every task's on that task's inputs",
  source: "Salami et al., arXiv 2410.17961",
  family: "merge",
  year: 2024,
  adapted:
    "Tasks take the place of clients; both factors train, and the two closed forms alternate on running sums",
  keeps: "RegMean's sums and one adapter",
  options: z.strictObject({
    rounds: z.int().min(1).max(1000).default(10).describe("How often both factors are solved after a task"),
    offDiagonal: offDiagonalOption,
    start: startOption,
  }),
  create: ({ rounds, offDiagonal, start }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ sums: null, merged: null }),
      begin: (state: State, task, kit) => ({ start: taskStart(kit, task.index, start, state) }),
      async end(state: State, task, { adapter }, kit): Promise<State> {
        const sums = await addTask(state.sums, kit, task, adapter, offDiagonal);
        const from = state.merged ?? adapter;
        const updates = [...sumsBySite(sums, kit)].map(([site, { numerator, gram }]) =>
          [site, alternate(numerator, gram, factorsAt(from, site), rounds)] as const
        );
        return {
          sums,
          merged: adapterOfFactors(Object.fromEntries(updates)),
          ...lastTrained(adapter, start),
        };
      },
      deploy: ({ merged }: State) => merged ?? undefined,
    }),
});
