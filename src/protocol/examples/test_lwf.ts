/**
 * Learning without forgetting (Li and Hoiem, arXiv 1606.09282): the old model's logits of the new images, taken once a
 * task, are a column; the new model keeps near them over the old classes.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { NamedTensors } from "../../core/tensors.ts";
import { add, div, exp, log, max, mul, softmax, sub, sum, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { broadcast } from "../../graph/functions.ts";
import { sgd } from "../../train/optimisers/sgd.ts";
import { imageTable } from "../../train/table.ts";
import { classMask } from "../../methods/adapter_method.ts";
import type { Env, Kit, Method, Named } from "../../methods/method.ts";
import { branchOf, factors, maskOf, taskLoss } from "./test_parts.ts";

/** The model, absent before the first task, and the classes that it knows. */
export type LwfState = { readonly trained: NamedTensors | null; readonly seen: readonly number[] };

/** Logits [batch, classes] of the present batch. */
export function logitsOf(tensors: Named, env: Env, kit: Kit): Tensor {
  const { feature } = env.encode(env.rows().images, { branches: [branchOf(tensors, kit)] });
  return kit.classifier.logits(feature, tensors);
}

/** Mean over rows of the cross-entropy of softened answers, over the classes of a mask. */
function distillation(logits: Tensor, teacher: Tensor, mask: Tensor, weights: Tensor, heat: number): Tensor {
  const known = (x: Tensor) => where(broadcast(mask, x.shape), mul(x, 1 / heat), -1e9);
  const answers = known(logits);
  const shifted = sub(answers, max(answers, { axes: [1], keepDims: true }));
  const logSoftmax = sub(shifted, log(sum(exp(shifted), { axes: [1], keepDims: true })));
  const rows = sum(mul(softmax(known(teacher)), logSoftmax), { axes: [1] });
  return div(sum(mul(rows, mul(weights, -1))), sum(weights));
}

/** LwF with a strength λ and a temperature. */
export function lwf(lambda = 1, heat = 2): Method<LwfState> {
  return {
    name: "lwf",
    options: { lambda, heat },
    sees: "task",
    init: () => ({ trained: null, seen: [] }),
    async learn({ trained, seen }, task, kit) {
      const images = imageTable(task.train);
      const teacher = trained &&
        await kit.map({ fixed: trained, output: (env) => logitsOf(env.fixed, env, kit) }, images);
      const { values } = await kit.fit({
        start: trained ?? { ...factors(kit, "task 0"), ...kit.freshClassifier() },
        fixed: { ...maskOf(task, kit), seen: classMask(seen, kit) },
        // At first student and teacher agree: rules that scale gradients up would follow rounding.
        optimiser: sgd(),
        schedule: { learningRate: 0.15, schedule: "cosine", warmup: 0 },
        tables: { main: { ...images, ...(teacher && { columns: { teacher } }) } },
        loss(trained, env) {
          const logits = logitsOf(trained, env, kit);
          const own = taskLoss(logits, env);
          const { teacher: old, weights } = env.rows();
          if (!old) return own;
          return add(own, mul(distillation(logits, old, env.fixed["seen"]!, weights, heat), lambda));
        },
      });
      return { trained: values, seen: [...seen, ...task.classes] };
    },
    deploy: ({ trained }, kit) => ({
      passes: [{ fixed: trained!, output: (env) => logitsOf(env.fixed, env, kit) }],
      scores: ([logits]) => logits!,
    }),
  };
}
