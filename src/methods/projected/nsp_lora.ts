/**
 * NSP-LoRA and SGP-LoRA: low-rank updates that see their inputs through a projector onto what earlier inputs hardly
 * use, hard (null space: Wang et al., arXiv 2103.07113) or soft (the released code of SGP-LoRA, 2025).
 *
 * 1. Train ΔW = B A P on the folded sum of the earlier updates. P is the identity at the first task.
 * 2. Fold B (A P) into the sum.
 * 3. Keep C ← δ C + E[x xᵀ], the second moments of every projection's inputs under the new model.
 * 4. C = V diag(λ) Vᵀ with the mean of λ brought to 1. Soft: P = V diag(w / max w) Vᵀ with
 *    w = 1 / (1 + β log(1 + λᵖ)). Hard: P projects onto the directions of least λ that together have less than the
 *    share ε of all λ.
 *
 * The code's: all of them, with δ = 0.9, β = 1, p = 1, ε = 0.05. Ours: plain LoRA with the run's rank and targets, where the
 * code also has DoRA's magnitudes, distillation and drift compensation; A starts at random for every task, where
 * the code starts it at the leading right singular vectors of the weight.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { parseFactor } from "../../nn/sites.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { eigh, matrixOf, tensorOf } from "../pieces/linear_algebra.ts";
import { branchOf } from "../pieces/tensors.ts";
import { addToSum, emptySum, scaledSum, type SumState } from "../running_sum.ts";
import { adapterOf, foldedMethod, freshFactors, noUpdate } from "./folded_method.ts";
import { inputMoments, inputNames, onInputs, perInput, sharedInputs } from "./inputs.ts";

/** What is kept: the updates as one, and C by the input's name, absent before the first task. */
export type NspState = {
  readonly sum: SumState;
  readonly moments: { readonly [input: string]: HostTensor } | null;
};

/** How strongly earlier inputs are kept off. */
export type NspRule =
  | { readonly projection: "soft"; readonly temperature: number; readonly power: number }
  | { readonly projection: "hard"; readonly epsilon: number };

/** Step 4. */
export function projectorOf(moments: Matrix, rule: NspRule): Matrix {
  const { values, vectors } = eigh(moments);
  const positive = values.map((value) => Math.max(value, 0));
  const total = positive.reduce((sum, value) => sum + value, 0);
  const weights = rule.projection === "soft"
    ? softWeights(positive.map((value) => total > 0 ? value * values.length / total : 0), rule)
    : hardWeights(positive, rule.epsilon * total);
  return vectors.mmul(Matrix.diag(weights)).mmul(vectors.transpose());
}

function softWeights(
  values: readonly number[],
  { temperature, power }: Extract<NspRule, { projection: "soft" }>,
): number[] {
  const weights = values.map((value) => 1 / (1 + temperature * Math.log1p(value ** power)));
  const most = Math.max(...weights);
  return weights.map((weight) => weight / most);
}

/** 1 for the smallest of values that descend, as long as their sum stays below a limit; else 0. */
function hardWeights(values: readonly number[], limit: number): number[] {
  const weights = values.map(() => 0);
  let sum = 0;
  for (let i = values.length - 1; i >= 0; i--) {
    sum += values[i]!;
    if (sum >= limit) break;
    weights[i] = 1;
  }
  return weights;
}

const PROJECTOR = "projector.";

/** Factors with P multiplied into A. */
export function throughProjector(
  factors: NamedTensors,
  projectors: NamedTensors,
  names: Readonly<Record<string, string>>,
): NamedTensors {
  return Object.fromEntries(
    Object.entries(factors).map(([name, tensor]) => {
      const { site, factor } = parseFactor(name) ?? {};
      if (factor !== "A") return [name, tensor];
      return [name, tensorOf(matrixOf(tensor).mmul(matrixOf(projectors[`${PROJECTOR}${names[site!]}`]!)))];
    }),
  );
}

/** NSP-LoRA. */
export const nspLora: MethodDefinition = defineMethod({
  name: "nsp-lora",
  summary: "Updates that see their inputs through a projector off earlier tasks' inputs",
  source: "Wang et al., arXiv 2103.07113; raoxuan98-hash/fancy_sgp_lora_vit",
  family: "projected",
  year: 2025,
  adapted: "Without the code's distillation, drift compensation and DoRA magnitudes",
  keeps: "The sum of the updates, and a second moment [in, in] for every input",
  options: z.strictObject({
    projection: z.enum(["soft", "hard"]).default("soft")
      .describe("Whether every direction is damped by its energy, or the strong ones are left out"),
    temperature: z.number().min(0).default(1).describe("Strength β of the soft damping"),
    power: z.number().min(0.1).default(1).describe("Exponent of the energy in the soft damping"),
    epsilon: z.number().min(0).max(1).default(0.05)
      .describe("Share ε of the energy that the directions of the hard projector may have"),
    decay: z.number().min(0).max(1).default(0.9).describe("Factor δ of earlier second moments at every task"),
  }),
  create: ({ projection, temperature, power, epsilon, decay }) => {
    const rule: NspRule = projection === "soft"
      ? { projection, temperature, power }
      : { projection, epsilon };
    const projectors = (moments: NspState["moments"], kit: Kit) =>
      perInput(
        kit,
        PROJECTOR,
        ({ name, size }) =>
          tensorOf(moments ? projectorOf(matrixOf(moments[name]!), rule) : Matrix.eye(size)),
      );
    return foldedMethod<NspState>({
      init: () => ({ sum: emptySum, moments: null }),
      begin({ sum, moments }, task, kit) {
        return {
          start: freshFactors(kit, task.index),
          base: scaledSum(sum, 1) ?? noUpdate(kit),
          fixed: projectors(moments, kit),
          branch: (trained, { fixed }) => branchOf(onInputs(trained, fixed, PROJECTOR, kit), kit),
        };
      },
      async end({ sum, moments }, task, values, kit) {
        const seen = throughProjector(values, projectors(moments, kit), inputNames(kit));
        const next = addToSum(sum, adapterOf(seen, kit), null);
        const found = await inputMoments(kit, task, scaledSum(next, 1)!);
        const grown = sharedInputs(kit).map(({ name }) => {
          const fresh = tensorOf(found[name]!.second);
          const old = moments?.[name];
          return [
            name,
            old ? hostTensor(fresh.shape, fresh.data.map((value, i) => value + decay * old.data[i]!)) : fresh,
          ] as const;
        });
        return { sum: next, moments: Object.fromEntries(grown) };
      },
      deploy: ({ sum }) => scaledSum(sum, 1),
    });
  },
});
