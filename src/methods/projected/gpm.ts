/**
 * Gradient projection memory (Saha et al., ICLR 2021, arXiv 2103.09762) on low-rank updates: no step changes what a
 * projection gives for inputs like those of earlier tasks.
 *
 * 1. Train a fresh adapter on the folded sum of the earlier ones. A starts in what the span M of earlier inputs
 *    leaves, and the moves of A lose what lies in M: A ← A + ΔA (I - M Mᵀ). So (B A) x = 0 for every x in M.
 * 2. Fold B A into the sum.
 * 3. Grow M with the new model's inputs until it holds the share ε_t of their energy Σ‖x‖².
 *
 * The paper's: projection and growth, ε_t = ε + s t with ε = 0.97, s = 0.003 (CIFAR-100 in ten tasks). The paper projects
 * gradients of dense weights under SGD; here the moves of whatever optimiser the run has are projected, weight decay
 * included, and those of A alone, whose rows lie in the space of inputs. `branch=same` is the weaker form that trains
 * one adapter on and on: its B goes on changing what earlier inputs give through the A that they trained.
 *
 * @module
 */
import { z } from "zod";
import type { NamedTensors } from "../../core/tensors.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { parseFactor } from "../../nn/sites.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named } from "../method.ts";
import { matrixOf, tensorOf } from "../pieces/linear_algebra.ts";
import { factorsOf } from "../pieces/tensors.ts";
import { addToSum, emptySum, scaledSum, type SumState } from "../running_sum.ts";
import { adapterOf, foldedMethod, freshFactors, noUpdate } from "./folded_method.ts";
import { emptySpans } from "./inflora.ts";
import { inputMoments, inputNames, onInputs, perInput } from "./inputs.ts";
import { grow, restOf, type Span } from "./span.ts";

/** What is kept: the updates as one, or the one adapter; and the span of earlier inputs by the input's name. */
export type GpmState = {
  readonly sum: SumState;
  readonly adapter: Adapter | null;
  readonly spans: { readonly [input: string]: Span };
};

const REST = "rest.";

/** I - M Mᵀ of every input, as the graph reads it. */
export function restTensors(spans: GpmState["spans"], kit: Pick<Kit, "config" | "lora">): NamedTensors {
  return perInput(kit, REST, ({ name }) => tensorOf(restOf(spans[name]!)));
}

/** Moves without what lies in the spans of earlier inputs. */
export function outsideOf(moves: Named, fixed: Named, kit: Pick<Kit, "config" | "lora">): Named {
  return onInputs(moves, fixed, REST, kit);
}

/** Factors whose A lies in what the spans leave. */
export function startOutside(factors: NamedTensors, spans: GpmState["spans"], kit: Kit): NamedTensors {
  const names = inputNames(kit);
  return Object.fromEntries(
    Object.entries(factors).map(([name, tensor]) => {
      const { site, factor } = parseFactor(name) ?? {};
      const span = factor === "A" ? spans[names[site!]!]! : undefined;
      // Nothing to take out is nothing to round.
      return [name, span?.basis.length ? tensorOf(matrixOf(tensor).mmul(restOf(span))) : tensor];
    }),
  );
}

/** GPM. */
export const gpm: MethodDefinition = defineMethod({
  name: "gpm",
  summary: "Moves projected off the span of earlier tasks' inputs",
  source: "Saha et al., arXiv 2103.09762",
  family: "projected",
  year: 2021,
  adapted: "The paper projects gradients of whole weights; here those of the factor A of low-rank updates",
  keeps: "The sum of the updates, and a basis of at most half the width for every input",
  options: z.strictObject({
    threshold: z.number().min(0.5).max(0.9999).default(0.97)
      .describe("Share ε of the inputs' energy that the span holds after the first task"),
    step: z.number().min(0).max(0.1).default(0.003)
      .describe("By how much the share rises with every further task, up to 0.9999"),
    branch: z.enum(["fresh", "same"]).default("fresh")
      .describe("A fresh adapter for every task, folded in when it has ended, or the same one trained on"),
  }),
  create: ({ threshold, step, branch }) =>
    foldedMethod<GpmState>({
      init: (kit) => ({ sum: emptySum, adapter: null, spans: emptySpans(kit) }),
      begin({ sum, adapter, spans }, task, kit) {
        const factors = adapter ? factorsOf(adapter) : freshFactors(kit, task.index);
        return {
          start: branch === "same" ? factors : startOutside(factors, spans, kit),
          base: scaledSum(sum, 1) ?? noUpdate(kit),
          fixed: restTensors(spans, kit),
          project: (moves, fixed) => outsideOf(moves, fixed, kit),
        };
      },
      async end({ sum, spans }, task, values, kit) {
        const trained = adapterOf(values, kit);
        const own = branch === "same"
          ? { sum, adapter: trained }
          : { sum: addToSum(sum, trained, null), adapter: null };
        const moments = await inputMoments(kit, task, own.adapter ?? scaledSum(own.sum, 1)!);
        const share = Math.min(0.9999, threshold + step * task.index);
        const grown = Object.entries(spans).map(([name, span]) =>
          [name, grow(span, moments[name]!.second, share)] as const
        );
        return { ...own, spans: Object.fromEntries(grown) };
      },
      deploy: ({ sum, adapter }) => adapter ?? scaledSum(sum, 1),
    }),
});
