/**
 * Uniform priors (Sinha et al., arXiv 2006.16524): features that spread over the sphere leave room for classes to come.
 *
 * 1. One adapter goes from task to task, as in sequential fine-tuning.
 * 2. To the cross-entropy comes γ · L_unif, with L_unif = log mean_{i≠j} exp(-t ‖u_i - u_j‖²) over the unit features
 *    u of a batch.
 * 3. Nothing is remembered besides the adapter.
 *
 * The paper's regulariser is a discriminator between features and draws of a uniform distribution, which the model
 * learns to deceive. L_unif (Wang and Isola, arXiv 2005.10242) has its optimum at the same distribution, on the sphere,
 * and no opponent; t = 2 is theirs, and γ is within the paper's range.
 *
 * @module
 */
import { z } from "zod";
import { add, div, exp, log, matmul, mul, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { hostTensor } from "../../core/tensors.ts";
import { adapterMethod } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import { sequential, type SequentialState } from "../naive.ts";
import { unit } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";

/** Sequential fine-tuning with spread features. */
export const uniformPriors: MethodDefinition = defineMethod({
  name: "uniform-priors",
  summary: "One adapter whose features are pushed to spread evenly over the sphere",
  source: "Sinha et al., arXiv 2006.16524; L_unif of Wang and Isola, arXiv 2005.10242",
  family: "system",
  year: 2020,
  adapted:
    "L_unif on unit features stands for the adversarial uniform prior; from pre-training to every task",
  keeps: "The adapter",
  options: z.strictObject({
    gamma: z.number().min(0).default(0.2).describe("Strength γ of the uniformity loss"),
    heat: z.number().gt(0).default(2).describe("Factor t of squared distances"),
  }),
  create: ({ gamma, heat }) =>
    adapterMethod({
      trains: "task",
      ...sequential,
      begin: (state: SequentialState, _task, kit) => ({
        start: state.adapter ?? firstStart(kit),
        extraLoss: {
          tensors: { gamma: hostTensor([], Float32Array.of(gamma)) },
          build: ({ env, feature, tensors }) =>
            mul(uniformity(feature, env.rows().weights, heat), tensors["gamma"]!),
        },
      }),
    }),
});

/**
 * log mean_{i≠j} exp(-t ‖u_i - u_j‖²) over pairs of rows, each pair counted w_i w_j; 0 if there is no pair.
 *
 * @param feature [batch, width], of any length
 * @param weights [batch]
 */
export function uniformity(feature: Tensor, weights: Tensor, heat: number): Tensor {
  const batch = feature.shape[0]!;
  const rows = unit(feature);
  const cosines = matmul(rows, rows, { transposeB: true });
  const apart = {
    data: new Float64Array(batch * batch).fill(1),
    shape: [batch, batch],
    dtype: "f32",
  } as const;
  for (let i = 0; i < batch; i++) apart.data[i * batch + i] = 0;
  const pairs = mul(
    mul(reshape(weights, [batch, 1]), reshape(weights, [1, batch])),
    feature.graph.make("constant", apart, []),
  );
  // ‖u - v‖² = 2 - 2 cos
  const near = mul(exp(mul(sub(cosines, 1), 2 * heat)), pairs);
  return log(div(add(sum(near), 1e-12), add(sum(pairs), 1e-12)));
}
