/**
 * Optimisers that look at the loss elsewhere.
 *
 * - SAM (Foret et al., arXiv 2010.01412): the gradient where the loss is highest within a radius ρ.
 * - BAdam (arXiv 2509.11298 uses the rule of Bayesian gradient descent, Zeno et al., arXiv 1803.10123): a mean and a
 *   deviation for every parameter, moved by gradients at draws of the posterior; deviations go on to the next task.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { NamedTensors } from "../../core/tensors.ts";
import { add, concat, div, mul, reshape, sqrt, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { adamw } from "../../train/optimisers/adamw.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import type { Schedule } from "../../train/optimisers/schedule.ts";
import { imageTable } from "../../train/table.ts";
import { mergedPredictor } from "../../methods/adapter_method.ts";
import { adapterFromTensors } from "../../nn/adapter.ts";
import type { Method } from "../../methods/method.ts";
import { branchOf, factors, maskOf, taskLoss } from "./test_parts.ts";

/** Sharpness-aware minimisation around another rule. */
export function sam(inner: Optimiser, radius: number): Optimiser {
  return {
    ...inner,
    step: (now) =>
      inner.step({
        ...now,
        gradientAt(theta) {
          const slope = now.gradientAt(theta);
          const length = sqrt(add(sum(mul(slope, slope)), 1e-12));
          return now.gradientAt(add(theta, mul(slope, div(radius, length))));
        },
      }),
  };
}

/** Bayesian gradient descent with K draws a step. `deviations` are those that the last task left. */
export function bayesian(draws: number, initial: number, deviations?: Float32Array): Optimiser {
  const average = (terms: readonly Tensor[]) => mul(terms.reduce((a, b) => add(a, b)), 1 / draws);
  return {
    slots: 1,
    noise: draws,
    hyperLength: 1,
    hyper: (rate) => [rate],
    init: (start) => [deviations ?? new Float32Array(start.length).fill(initial)],
    step({ theta, slots: [deviation], noise, hyper, gradientAt }) {
      const slopes = noise.map((epsilon) => gradientAt(add(theta, mul(deviation!, epsilon))));
      const slope = average(slopes);
      const spread = average(slopes.map((slope, k) => mul(slope, noise[k]!)));
      const mean = sub(theta, mul(mul(mul(deviation!, deviation!), hyper), slope));
      const half = mul(mul(deviation!, spread), 0.5);
      const next = sub(mul(deviation!, sqrt(add(mul(half, half), 1))), mul(deviation!, half));
      const size = theta.shape[0]!;
      return concat([reshape(mean, [1, size]), reshape(next, [1, size])]);
    },
  };
}

/** A sequential adapter under an optimiser of its own; what the optimiser kept goes on to the next task. */
export type OwnState = { readonly trained: NamedTensors | null; readonly slots: readonly Float32Array[] };

/** Sequential fine-tuning by a rule that may depend on what it kept. */
export function finetuned(
  name: string,
  rule: (slots: readonly Float32Array[]) => Optimiser,
  schedule?: Schedule,
): Method<OwnState> {
  return {
    name,
    options: {},
    sees: "task",
    init: () => ({ trained: null, slots: [] }),
    async learn({ trained, slots }, task, kit) {
      const fitted = await kit.fit({
        start: trained ?? { ...factors(kit, "task 0"), ...kit.freshClassifier() },
        fixed: maskOf(task, kit),
        tables: { main: imageTable(task.train) },
        optimiser: rule(slots),
        ...(schedule && { schedule }),
        loss(trained, env) {
          const { feature } = env.encode(env.rows().images, { branches: [branchOf(trained, kit)] });
          return taskLoss(kit.classifier.logits(feature, trained), env);
        },
      });
      return { trained: fitted.values, slots: fitted.slots };
    },
    deploy: ({ trained }, kit) =>
      mergedPredictor(adapterFromTensors(trained!, kit.lora.scale), trained!, kit.classifier),
  };
}

/** SAM around AdamW. */
export const sharp: Method<OwnState> = finetuned("sam", () => sam(adamw(), 0.05));
/** Bayesian gradient descent; its rate is a factor of the variance. */
export const bgd: Method<OwnState> = finetuned(
  "bayesian",
  ([deviations]) => bayesian(2, 0.2, deviations),
  { learningRate: 12, schedule: "constant", warmup: 0 },
);
