/**
 * Perturb-and-Merge, P&M (Miao et al., arXiv 2505.22389): training is made ready for a merge whose weight has a closed
 * form.
 *
 * 1. Train the adapter θ on, from the merged one θ̂. In every step the loss is taken at θ̂ + s (θ - θ̂), where s is 1,
 *    1 + ε or 1 - ε with equal probability: where it will be merged along, it becomes flat.
 * 2. Estimate F_t, the diagonal Fisher information, at the trained θ_t. With Δ = θ_t - θ̂, the merged adapter becomes
 *    θ̂ + α Δ, α = -Σ_i (θ̂ - θ_i)ᵀ F_i Δ / Σ_i Δᵀ F_i Δ over all tasks so far: the minimum along Δ of the sum of the
 *    tasks' quadratic losses.
 * 3. Both sums only need Σ F_i and Σ F_i θ_i.
 *
 * The paper trains a fresh adapter on each task on top of the merged weights and keeps all F_i and θ_i; here θ is the
 * factors of one adapter, entry by entry, and the two sums are kept. One α for the whole adapter, as in the paper, held to
 * [0, 1], since the paper's merge is a convex combination.
 *
 * @module
 */
import { z } from "zod";
import { hostTensor } from "../../core/tensors.ts";
import { add, mul, narrow, sub } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { adapterMethod, type ForwardEdit } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { fisherInformation } from "../fisher.ts";
import { factorsOf } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";
import { adapterOfEntries, asEntries, combine, type Entries, entriesOf } from "./factor_means.ts";

/** θ̂, Σ F_i, Σ F_i θ_i, and the last α. */
type State = {
  readonly merged: Adapter | null;
  readonly fishers: Entries | null;
  readonly moments: Entries | null;
  readonly alpha: number | null;
};

/** P&M. */
export const pAndM: MethodDefinition = defineMethod({
  name: "p-and-m",
  summary:
    "Trains under a random stretch of the new update, then adds the share of it that suits all tasks best",
  source: "Miao et al., arXiv 2505.22389",
  family: "merge",
  year: 2025,
  adapted:
    "One adapter's factors train on instead of fresh adapters; the paper's sums over tasks are running sums",
  keeps: "One adapter, and in float64 two numbers for each of its entries",
  options: z.strictObject({
    epsilon: z.number().min(0).max(1).default(0.5).describe(
      "By how much a step stretches or shrinks the update",
    ),
    samples: z.int().min(1).default(256).describe("Images per task from which the Fisher is estimated"),
  }),
  create: ({ epsilon, samples }) =>
    adapterMethod({
      trains: "task",
      init: (): State => ({ merged: null, fishers: null, moments: null, alpha: null }),
      begin({ merged }: State, _task, kit) {
        const start = merged ?? firstStart(kit);
        return { start, forward: stretch(start, epsilon) };
      },
      async end({ merged, fishers, moments }: State, task, { adapter, classifier }, kit): Promise<State> {
        const head = { policy: kit.classifier, state: classifier };
        const information = await fisherInformation(kit, task, adapter, head, samples);
        const theta = entriesOf(adapter);
        const now = asEntries(information);
        const moment = combine([now, theta], (fisher, value) => fisher! * value!);
        const sums = {
          fishers: fishers ? combine([fishers, now], (x, y) => x! + y!) : now,
          moments: moments ? combine([moments, moment], (x, y) => x! + y!) : moment,
        };
        const before = entriesOf(merged ?? firstStart(kit));
        const alpha = merged ? mergeWeight(before, theta, sums) : 1;
        const next = combine([before, theta], (old, value) => old! + alpha * (value! - old!));
        return { merged: adapterOfEntries(next, adapter), ...sums, alpha };
      },
      deploy: ({ merged }: State) => merged ?? undefined,
      facts: ({ alpha }: State) => alpha === null ? {} : { alpha },
    }),
});

/** The α of step 2, held to [0, 1]; 1 where no task has any information along Δ. */
export function mergeWeight(
  before: Entries,
  trained: Entries,
  { fishers, moments }: { readonly fishers: Entries; readonly moments: Entries },
): number {
  let slope = 0;
  let curvature = 0;
  for (const [name, theta] of Object.entries(before)) {
    theta.forEach((value, i) => {
      const delta = trained[name]![i]! - value;
      slope += (fishers[name]![i]! * value - moments[name]![i]!) * delta;
      curvature += fishers[name]![i]! * delta * delta;
    });
  }
  return curvature > 0 ? Math.min(1, Math.max(0, -slope / curvature)) : 1;
}

/** θ̂ + s (θ - θ̂) with one s for a step, drawn from a table of three. */
export function stretch(from: Adapter, epsilon: number): ForwardEdit {
  const anchor = factorsOf(from);
  const factors = hostTensor([3], Float32Array.of(1, 1 + epsilon, 1 - epsilon));
  return {
    tensors: anchor,
    tables: { stretch: { count: 3, columns: { factor: factors } } },
    build({ env, adapter, tensors }) {
      const factor = narrow(env.rows("stretch")["factor"]!, 0, 0, 1);
      const stretched = Object.keys(anchor).map((name) => {
        const start = tensors[name]!;
        return [name, add(start, mul(sub(adapter[name]!, start), factor))] as const;
      });
      return { ...adapter, ...Object.fromEntries(stretched) };
    },
  };
}
