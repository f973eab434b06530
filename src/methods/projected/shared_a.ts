/**
 * One cumulative operator with a shared A (the gauge-aligned form of SD-LoRA with a shared A that keeps training): the
 * memory of all tasks is one matrix H in the row space of the present A, so the state is that of one adapter.
 *
 * 1. Train (A, B) on the weights with H Qᵀ of the earlier tasks folded in. A goes on from where the last task left it, B
 *    starts at zero.
 * 2. Aᵀ = Q R with orthonormal Q [in, r], so that B A = (B Rᵀ) Qᵀ.
 * 3. H ← H_old Q_oldᵀ Q + B Rᵀ: what earlier tasks gave, as far as it lies in the new row space, and the new update.
 * 4. Deploy W0 + H Qᵀ, of the run's rank at every task.
 *
 * Whatever basis Q is (R takes up the difference), the deployed operator is (… (ΔW₁ P₂ + ΔW₂) P₃ + …) with P_t the
 * projector onto the row space of A_t: exactly what a bank of all updates would give, and their sum while A's row
 * space stays. Steps 2 to 4 are the draft's (see source). Ours: s_t / (‖A‖ ‖B‖), the draft's magnitude of a task, is left
 * where it was trained, in B, so that taking a task up does not change what it computes; `rateA` slows A down.
 *
 * @module
 */
import { z } from "zod";
import type { Adapter, LoraPair } from "../../nn/adapter.ts";
import { mapPairs, scaled } from "../../merge/delta.ts";
import { parseFactor } from "../../nn/sites.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { matrixOf, orthonormal, tensorOf } from "../pieces/linear_algebra.ts";
import { adapterOf, foldedMethod, freshFactors, noUpdate } from "./folded_method.ts";

/** What is kept: Qᵀ and H as one adapter, and A; absent before the first task. */
export type SharedAState = {
  readonly operator: Adapter | null;
  readonly shared: { readonly [site: string]: LoraPair["a"] } | null;
};

/** Step 2 and 3 at one site. Q has as many columns as A has rows, or inputs if those are fewer. */
export function aligned(old: LoraPair | undefined, { a, b }: LoraPair): LoraPair {
  const q = orthonormal(matrixOf(a).transpose());
  const added = matrixOf(b).mmul(matrixOf(a).mmul(q));
  const carried = old ? matrixOf(old.b).mmul(matrixOf(old.a).mmul(q)) : undefined;
  return { a: tensorOf(q.transpose()), b: tensorOf(carried ? carried.add(added) : added) };
}

/** The cumulative operator with a shared A. */
export const sharedA: MethodDefinition = defineMethod({
  name: "shared-a",
  summary: "One operator for all tasks, carried along into the row space of an A that keeps training",
  source: "SD-LoRA (Wu et al., arXiv 2501.13198) with a shared A, in its cumulative form",
  family: "projected",
  year: 2026,
  adapted: "Magnitudes stay in B, so that taking a task up changes nothing",
  keeps: "One adapter of the run's rank, and the present A",
  options: z.strictObject({
    rateA: z.number().min(0).max(10).default(1)
      .describe("Factor of the learning rate of A; 0 keeps its row space, so that updates simply add up"),
  }),
  create: ({ rateA }) =>
    foldedMethod<SharedAState>({
      init: () => ({ operator: null, shared: null }),
      begin({ operator, shared }, _task, kit) {
        const start = Object.entries(freshFactors(kit, 0)).map(([name, tensor]) => {
          const { site, factor } = parseFactor(name)!;
          return [name, factor === "A" && shared ? shared[site]! : tensor] as const;
        });
        return {
          start: Object.fromEntries(start),
          base: operator ?? noUpdate(kit),
          rate: (name) => parseFactor(name)?.factor === "A" ? rateA : 1,
        };
      },
      end({ operator }, _task, values, kit) {
        const trained = adapterOf(values, kit);
        const pairs = mapPairs({ ...trained, scale: 1 }, (pair, site) => {
          const update = { a: pair.a, b: scaled(pair.b, trained.scale) };
          return aligned(operator?.pairs[site], update);
        });
        const shared = Object.entries(trained.pairs).map(([site, { a }]) => [site, a] as const);
        return { operator: pairs, shared: Object.fromEntries(shared) };
      },
      deploy: ({ operator }) => operator ?? undefined,
    }),
});
