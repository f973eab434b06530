/**
 * InfLoRA (Liang and Li, CVPR 2024, arXiv 2404.00228): the subspace in which a task may change the weights is chosen
 * before training, where earlier tasks' inputs have nothing; only B trains.
 *
 * 1. H = E[x xᵀ] of the new images under the model as it is, at every adapted projection.
 * 2. Take out what lies in the span M of earlier inputs: H ← H - M Mᵀ H, or C Cᵀ H where the complement C is kept.
 * 3. A = the leading left singular vectors of H, divided by √3, and frozen. B starts at zero and trains.
 * 4. Fold B A into the sum of the updates.
 * 5. Grow M with the second moments of the inputs under the new model, until it holds the share
 *    ε + (1 - ε) t / T of ‖H‖² (DualGPM).
 *
 * The paper's: all steps, ε = 0.95, the energy as the squares of the singular values of H. Ours: the run's targets and
 * rank in place of k, v and 10; t / T is the share of the data set's classes that earlier tasks had, which is the same
 * for tasks of one size, and ε stays where classes come back, of which all are soon seen; the span grows until the share is reached at the first task too, where the released code
 * stops one direction earlier (and keeps the wrong half if it is large); a row of A beyond the directions that are
 * left is zero, where the released code takes whatever the decomposition gives.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import type { HostTensor } from "../../core/tensors.ts";
import { factorName, parseFactor } from "../../nn/sites.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { eigh, tensorOf } from "../pieces/linear_algebra.ts";
import { addToSum, emptySum, scaledSum, type SumState } from "../running_sum.ts";
import { adapterOf, foldedMethod, freshFactors, noUpdate } from "./folded_method.ts";
import { inputMoments, sharedInputs } from "./inputs.ts";
import { emptySpan, grow, restOf, type Span } from "./span.ts";

/** What is kept: the updates as one, and the span of earlier inputs by the input's name. */
export type InfLoraState = {
  readonly sum: SumState;
  readonly spans: { readonly [input: string]: Span };
  /** Classes of the tasks so far. */
  readonly seen: number;
};

/** Singular values of less than this share of the largest are rounding. */
const ROUNDING = 1e-5;

/** Step 2 and 3: A [rank, in] for second moments H and the projector onto what earlier inputs leave. */
export function designed(second: Matrix, rest: Matrix, rank: number): HostTensor {
  const left = rest.mmul(second);
  const { values, vectors } = eigh(left.mmul(left.transpose()));
  const [largest] = eigh(second).values;
  const a = Matrix.zeros(rank, second.rows);
  for (let r = 0; r < Math.min(rank, values.length); r++) {
    if (!(values[r]! > (ROUNDING * largest!) ** 2)) break;
    a.setRow(r, vectors.getColumnVector(r).div(Math.sqrt(3)).to1DArray());
  }
  return tensorOf(a);
}

/** Spans of no dimension for all inputs. */
export function emptySpans(kit: Kit): { readonly [input: string]: Span } {
  return Object.fromEntries(sharedInputs(kit).map(({ name, size }) => [name, emptySpan(size)]));
}

/** InfLoRA. */
export const inflora: MethodDefinition = defineMethod({
  name: "inflora",
  summary: "A frozen where earlier inputs have nothing, B trained, updates summed",
  source: "Liang and Li, arXiv 2404.00228",
  family: "projected",
  year: 2024,
  keeps: "The sum of the updates, and a basis of at most half the width for every input",
  options: z.strictObject({
    threshold: z.number().min(0.5).max(0.9999).default(0.95)
      .describe(
        "Share of the inputs' energy that the span holds after the first task; it rises to 1 with the tasks",
      ),
  }),
  create: ({ threshold }) =>
    foldedMethod<InfLoraState>({
      init: (kit) => ({ sum: emptySum, spans: emptySpans(kit), seen: 0 }),
      async begin({ sum, spans }, task, kit) {
        const base = scaledSum(sum, 1) ?? noUpdate(kit);
        const moments = await inputMoments(kit, task, base);
        const start = { ...freshFactors(kit, task.index) };
        for (const { name, sites } of sharedInputs(kit)) {
          const a = designed(moments[name]!.second, restOf(spans[name]!), kit.lora.rank);
          for (const site of sites) start[factorName(site, "A")] = a;
        }
        return { start, base, rate: (name) => parseFactor(name)?.factor === "A" ? 0 : 1 };
      },
      async end({ sum, spans, seen }, task, values, kit) {
        const next = addToSum(sum, adapterOf(values, kit), null);
        const moments = await inputMoments(kit, task, scaledSum(next, 1)!);
        const rise = kit.classesReturn ? 0 : Math.min(1, seen / kit.classes);
        const share = threshold + (1 - threshold) * rise;
        const grown = Object.entries(spans).map(([name, span]) => {
          const { second } = moments[name]!;
          return [name, grow(span, second.mmul(second), share)] as const;
        });
        return { sum: next, spans: Object.fromEntries(grown), seen: seen + task.classes.length };
      },
      deploy: ({ sum }) => scaledSum(sum, 1),
    }),
});
