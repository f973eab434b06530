/**
 * Fisher-weighted averaging (Matena and Raffel, arXiv 2111.09832): θ = Σ_t F_t θ_t / Σ_t F_t, entry by entry.
 *
 * 1. Train the task's adapter θ_t by itself.
 * 2. Estimate F_t, the diagonal Fisher information of its factors, at the end of the task.
 * 3. Keep Σ F_t θ_t and Σ F_t; deploy their quotient.
 *
 * θ is the factors A and B, not ΔW: the information of a ΔW is as large as the weight. A common start keeps the factors
 * of different tasks comparable; `fresh` ones have no common entries to average. CoFiMA (`cofima`) is the same idea for
 * two models, of which the second is trained on from the mean.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { fisherInformation } from "../fisher.ts";
import { fisherOptions } from "./coma.ts";
import { adapterOfEntries, combine, type Entries, entriesOf, weightsOf } from "./factor_means.ts";
import { taskStart } from "../start.ts";

/** Σ F θ and Σ F, and the last task's adapter, which also has their shapes. */
type State = {
  readonly moments: Entries | null;
  readonly weights: Entries | null;
  readonly last: Adapter | null;
};

/** Fisher-weighted averaging. */
export const fisherAverage: MethodDefinition = defineMethod({
  name: "fisher-average",
  summary: "The mean of all tasks' factors, each entry weighted by how much its task needs it",
  source: "Matena and Raffel, arXiv 2111.09832",
  family: "merge",
  year: 2022,
  adapted: "Averages the factors of adapters instead of whole models, from running sums",
  keeps: "One adapter, and in float64 two numbers for each of its entries",
  options: z.strictObject({
    ...fisherOptions,
    start: z.enum(["shared", "sequential"]).default("shared")
      .describe("Where a task's adapter starts: where the first one did, or at the last task's adapter"),
  }),
  create: ({ samples, floor, start }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ moments: null, weights: null, last: null }),
      begin: ({ last }: State, task, kit) => ({
        start: taskStart(kit, task.index, start, last ? { last } : {}),
      }),
      async end({ moments, weights }: State, task, { adapter, classifier }, kit): Promise<State> {
        const head = { policy: kit.classifier, state: classifier };
        const now = weightsOf(await fisherInformation(kit, task, adapter, head, samples), floor);
        const moment = combine([now, entriesOf(adapter)], (fisher, theta) => fisher! * theta!);
        const plus = (one: Entries | null, other: Entries) =>
          one ? combine([one, other], (x, y) => x! + y!) : other;
        return { moments: plus(moments, moment), weights: plus(weights, now), last: adapter };
      },
      deploy({ moments, weights, last }: State) {
        if (!moments || !weights || !last) return undefined;
        return adapterOfEntries(combine([moments, weights], (moment, weight) => moment! / weight!), last);
      },
    }),
});
