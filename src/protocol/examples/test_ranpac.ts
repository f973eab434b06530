/**
 * RanPAC (McDonnell et al., arXiv 2307.02251): an adapter is trained on the first task alone; after that only the Gram
 * matrix of random ReLU features and their sums by class grow, and a ridge regression of them scores.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { matmul, mul, oneHot, relu, reshape } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { featurePass } from "../../methods/adapter_method.ts";
import { imageTable } from "../../train/table.ts";
import type { Kit, Method } from "../../methods/method.ts";
import { branchOf, factors, maskOf, noise, taskLoss } from "./test_parts.ts";

/** Random features. */
export const FEATURES = 24;
/** Of the regression. */
export const RIDGE = 1;

/** The adapter of the first task; sums over all images so far: `gram` [m, m], `sums` [m, classes]. */
export type RanpacState = { readonly adapter: Adapter | null; readonly statistics: NamedTensors };

/** The fixed random projection [width, m]. */
export function projection(kit: Kit) {
  return noise(kit, [kit.config.width, FEATURES], "projection", 1);
}

function expand(feature: Tensor, projection: Tensor): Tensor {
  return relu(matmul(feature, projection));
}

/** (G + λ I)⁻¹ C: [m, classes]. */
export function ridge({ gram, sums }: NamedTensors): Matrix {
  const square = Matrix.from1DArray(FEATURES, FEATURES, gram!.data);
  const damped = Matrix.add(square, Matrix.eye(FEATURES).mul(RIDGE));
  const right = Matrix.from1DArray(FEATURES, sums!.shape[1]!, sums!.data);
  return new CholeskyDecomposition(damped).solve(right);
}

/** RanPAC. */
export const ranpac: Method<RanpacState> = {
  name: "ranpac",
  options: {},
  sees: "task",
  init: (kit) => ({
    adapter: null,
    statistics: { gram: hostTensor([FEATURES, FEATURES]), sums: hostTensor([FEATURES, kit.classes]) },
  }),
  async learn(state, task, kit) {
    let { adapter } = state;
    if (!adapter) {
      const { values } = await kit.fit({
        start: { ...factors(kit, "task 0"), ...kit.freshClassifier() },
        fixed: maskOf(task, kit),
        tables: { main: imageTable(task.train) },
        loss(trained, env) {
          const { feature } = env.encode(env.rows().images, { branches: [branchOf(trained, kit)] });
          return taskLoss(kit.classifier.logits(feature, trained), env);
        },
      });
      adapter = adapterFromTensors(values, kit.lora.scale);
    }
    const added = await kit.sum({
      adapter,
      fixed: { projection: projection(kit) },
      terms(env) {
        const { images, labels, weights } = env.rows();
        const expanded = expand(env.encode(images).feature, env.fixed["projection"]!);
        const rows = mul(expanded, reshape(weights, [weights.shape[0]!, 1]));
        return {
          gram: matmul(rows, rows, { transposeA: true }),
          sums: matmul(rows, oneHot(labels, kit.classes), { transposeA: true }),
        };
      },
    }, imageTable(task.train));
    const statistics = Object.entries(state.statistics).map(([name, { shape, data }]) =>
      [name, hostTensor(shape, data.map((value, i) => value + added[name]!.data[i]!))] as const
    );
    return { adapter, statistics: Object.fromEntries(statistics) };
  },
  deploy({ adapter, statistics }, kit) {
    const head = hostTensor([FEATURES, kit.classes], Float32Array.from(ridge(statistics).to1DArray()));
    return {
      passes: [featurePass(adapter ?? undefined)],
      fixed: { projection: projection(kit), head },
      scores: ([feature], { fixed }) => matmul(expand(feature!, fixed["projection"]!), fixed["head"]!),
    };
  },
};
