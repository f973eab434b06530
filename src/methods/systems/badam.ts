/**
 * BAdam (Bayesian Adaptive Moment Regularization, arXiv 2309.08546) on one sequential adapter and its classifier:
 * parameters that were learnt with certainty move less.
 *
 * 1. Every parameter has a mean μ, a deviation σ and the moments m and v. A step draws K times
 *    θ_k = μ + σ ε_k and takes the gradients g_k of the summed loss there.
 * 2. With ḡ the mean of g_k and ḡε that of g_k ε_k: m ← β1 m + (1 - β1) ḡ, v ← β2 v + (1 - β2) ḡ²,
 *    μ ← μ - η σ² √(1 - β2ⁿ) / (1 - β1ⁿ) · m / (√v + 1e-10),
 *    σ ← σ √(1 + (σ ḡε / 2)²) - σ² ḡε / 2.
 * 3. Deviations, moments and the number n of steps go on to the next task; nothing else remembers. Deploy μ.
 *
 * The rule is that of the public code, with β1 = 0.9 and β2 = 0.999. It trains with a rate of its own, since η is a
 * factor of a variance. Bringing it to one adapter is ours: deviations belong to factors and not to ΔW.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { add, concat, div, mul, narrow, reshape, sqrt, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { adapterFromTensors } from "../../nn/adapter.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass, mergedPredictor } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Method } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-10];

/** Means of the factors, absent before the first task; deviations and moments of all that trains; steps so far. */
export type BadamState = {
  readonly factors: NamedTensors | null;
  readonly slots: readonly Float32Array[];
  readonly steps: number;
  readonly classifier: ClassifierState;
};

/** What the rule is told. */
export interface BadamOptions {
  /** K */
  readonly draws: number;
  /** σ before the first step. */
  readonly deviation: number;
  /** Deviations and moments of the last task; none before the first. */
  readonly slots?: readonly Float32Array[];
  /** Steps before this training. */
  readonly steps?: number;
}

/** The rule; see the module. Slots are σ, m and v. */
export function badamRule({ draws, deviation, slots = [], steps = 0 }: BadamOptions): Optimiser {
  const average = (terms: readonly Tensor[]) => mul(terms.reduce((a, b) => add(a, b)), 1 / draws);
  return {
    slots: 3,
    noise: draws,
    hyperLength: 1,
    hyper(rate, step) {
      const n = steps + step + 1;
      return [rate * Math.sqrt(1 - BETA2 ** n) / (1 - BETA1 ** n)];
    },
    init: ({ length }) =>
      slots.length > 0
        ? slots
        : [new Float32Array(length).fill(deviation), new Float32Array(length), new Float32Array(length)],
    step({ theta, slots: [sigma, first, second], noise, hyper, gradientAt }) {
      const slopes = noise.map((draw) => gradientAt(add(theta, mul(sigma!, draw))));
      const slope = average(slopes);
      const spread = average(slopes.map((slope, k) => mul(slope, noise[k]!)));
      const m = add(mul(first!, BETA1), mul(slope, 1 - BETA1));
      const v = add(mul(second!, BETA2), mul(mul(slope, slope), 1 - BETA2));
      const variance = mul(sigma!, sigma!);
      const mean = sub(theta, div(mul(mul(variance, narrow(hyper, 0, 0, 1)), m), add(sqrt(v), EPSILON)));
      const half = mul(mul(sigma!, spread), 0.5);
      const next = sub(mul(sigma!, sqrt(add(mul(half, half), 1))), mul(sigma!, half));
      return concat([mean, next, m, v].map((row) => reshape(row, [1, theta.shape[0]!])));
    },
  };
}

const options = z.strictObject({
  draws: z.int().min(1).max(10).default(3).describe(
    "Draws K from the posterior in a step; each costs a gradient",
  ),
  deviation: z.number().gt(0).default(0.02).describe("Deviation σ of every parameter before the first step"),
  eta: z.number().gt(0).default(2.5).describe(
    "Rate η: a factor of the variance σ²; a first step moves by η σ²",
  ),
});

/** BAdam. */
export const badam: MethodDefinition = defineMethod({
  name: "badam",
  summary: "One adapter under Bayesian gradient descent with Adam's moments: certain parameters move less",
  source: "arXiv 2309.08546",
  family: "system",
  year: 2023,
  adapted: "Brought from small networks trained whole to the factors of one adapter and its classifier",
  keeps: "The adapter, and three numbers for each parameter of it and of the classifier",
  options,
  create: ({ draws, deviation, eta }): Omit<Method<BadamState>, "name" | "options"> => ({
    sees: "task",
    init: (kit) => ({ factors: null, slots: [], steps: 0, classifier: kit.freshClassifier() }),
    async learn({ factors, slots, steps, classifier }, task, kit) {
      const start = factors ?? factorsOf(firstStart(kit));
      const { values, losses, slots: after } = await kit.fit({
        start: { ...start, ...kit.classifier.trains(classifier) },
        fixed: maskOf(task, kit),
        tables: { main: imageTable(task.train) },
        optimiser: badamRule({ draws, deviation, slots, steps }),
        schedule: { learningRate: eta, schedule: "constant", warmup: 0 },
        loss(trained, env) {
          const { feature } = env.encode(env.rows().images, { branches: [branchOf(trained, kit)] });
          // The rule is for the loss of all images of a batch, not for their mean.
          return mul(taskLoss(kit.classifier.logits(feature, trained), env), sum(env.rows().weights));
        },
      });
      const next = Object.fromEntries(Object.keys(start).map((name) => [name, values[name]!]));
      const adapter = adapterFromTensors(next, kit.lora.scale);
      kit.trained(adapter);
      const before = () => featurePass(adapterOf(factors, kit));
      return {
        factors: next,
        slots: after,
        steps: steps + losses.length,
        classifier: await finishClassifier(kit, task, classifier, values, featurePass(adapter), before),
      };
    },
    deploy: ({ factors, classifier }, kit) =>
      mergedPredictor(adapterOf(factors, kit), classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ steps }) => ({ steps }),
  }),
});

function adapterOf(factors: NamedTensors | null, kit: Pick<Kit, "lora">) {
  return factors ? adapterFromTensors(factors, kit.lora.scale) : undefined;
}
