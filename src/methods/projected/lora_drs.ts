/**
 * LoRA subtraction for a drift-resistant space (LoRA⁻-DRS: Liu and Chang, CVPR 2025, arXiv 2503.18985): a task moves
 * within the directions that its images have where earlier tasks' updates are subtracted from the weights.
 *
 * 1. Run the new images through W0 - Σ ΔW of the earlier tasks; H = E[x xᵀ] at every adapted projection.
 * 2. U = the leading eigenvectors of H with the share ε of its trace; P = U Uᵀ / ‖U Uᵀ‖. At the first task P = I.
 * 3. Train a fresh adapter on W0 + Σ ΔW with the moves of the optimiser projected: ΔA ← ΔA P, and ΔB ← P ΔB where the
 *    projection's output is as wide as its input.
 * 4. The loss is the cross-entropy + λ max(0, d₊ - d₋ + m), the mean over images: on features of length 1, d₊ is the distance to the
 *    farthest image of the class, d₋ to the nearest image of another class or the nearest mean of an earlier class.
 * 5. Fold the update into the sum; keep the new classes' mean features. At test, the nearest mean.
 *
 * The paper's: all steps, ε = 0.99, λ = 0.05, m = 1. Ours: the run's classifier scores, the nearest mean being one;
 * the run's targets, rank and optimiser in place of k, v, 10 and Adam at 5e-4 (2e-3 for the classifier). P is divided by
 * its norm as in the released code, which makes steps of later tasks shorter by the root of the dimension. Where classes
 * come back, an image keeps off the means of earlier classes other than its own, and a mean is that of all images.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import { z } from "zod";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, broadcast, div, equal, matmul, max, maximum, mul } from "../../graph/functions.ts";
import { neg, oneHot, relu, reshape, sqrt, sub, sum, transpose, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { scaleAdapter } from "../../merge/scale.ts";
import { featureWidth } from "../../nn/config.ts";
import { classMeans } from "../../nn/heads.ts";
import { mergedMeans } from "../../classifiers/statistics.ts";
import { parseFactor } from "../../nn/sites.ts";
import { imageTable, type Named } from "../../train/table.ts";
import { classMask, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit } from "../method.ts";
import { eigh, leading, tensorOf } from "../pieces/linear_algebra.ts";
import { unit } from "../pieces/tensors.ts";
import { addToSum, emptySum, scaledSum, type SumState } from "../running_sum.ts";
import { adapterOf, foldedMethod, freshFactors, noUpdate } from "./folded_method.ts";
import { inputMoments, inputNames, onInputs, perInput } from "./inputs.ts";

/** What is kept: the updates as one, and mean features [classes, width] of the classes so far; of how many, if they return. */
export type DrsState = {
  readonly sum: SumState;
  readonly means: Float32Array;
  readonly counts?: Float32Array;
  readonly seen: readonly number[];
};

/** Step 2. */
export function driftResistant(second: Matrix, share: number): Matrix {
  const { values, vectors } = eigh(second);
  const count = Math.max(1, leading(values, share));
  const basis = vectors.subMatrix(0, vectors.rows - 1, 0, count - 1);
  const space = basis.mmul(basis.transpose());
  return space.div(space.norm("frobenius"));
}

const SPACE = "space.";

/** Step 3: moves of A by their input's matrix, and of B by the same where it fits. */
export function withinSpace(moves: Named, fixed: Named, kit: Pick<Kit, "config" | "lora">): Named {
  const names = inputNames(kit);
  return Object.fromEntries(
    Object.entries(onInputs(moves, fixed, SPACE, kit)).map(([name, move]) => {
      const { site, factor } = parseFactor(name) ?? {};
      const space = factor === "B" ? fixed[`${SPACE}${names[site!]}`]! : undefined;
      return [name, space && space.shape[0] === move.shape[0] ? matmul(space, move) : move];
    }),
  );
}

/** The largest distance that matters is 2. */
const FAR = 10;

/** Distances [n, m] between rows [n, width] and rows [m, width], both of length 1 or 0. */
function distances(x: Tensor, y: Tensor): Tensor {
  const squares = (rows: Tensor) => sum(mul(rows, rows), { axes: [1], keepDims: true });
  const twice = mul(matmul(x, y, { transposeB: true }), 2);
  return sqrt(maximum(sub(add(squares(x), transpose(squares(y), [1, 0])), twice), 1e-12));
}

/**
 * Step 4 without λ.
 *
 * @param feature [n, width]
 * @param labels i32 [n]
 * @param weights [n]: rows of weight 0 are nobody's neighbours
 * @param means [classes, width], of length 1 where `old` is 1
 * @param old [classes] or [n, classes]: 1 for what an image keeps off
 */
export function augmentedTriplet(
  feature: Tensor,
  labels: Tensor,
  weights: Tensor,
  means: Tensor,
  old: Tensor,
  margin: number,
): Tensor {
  const n = feature.shape[0]!;
  const rows = unit(feature);
  const classes = oneHot(labels, means.shape[0]!);
  const alike = matmul(classes, classes, { transposeB: true });
  const real = broadcast(reshape(weights, [1, n]), [n, n]);
  const self = feature.graph.make("constant", {
    data: Float64Array.from({ length: n * n }, (_, i) => i % (n + 1) === 0 ? 1 : 0),
    shape: [n, n],
    dtype: "f32",
  }, []);
  const apart = distances(rows, rows);
  const farthest = max(where(mul(mul(alike, real), sub(1, self)), apart, 0), { axes: [1] });
  const others = mul(sub(1, alike), real);
  const nearest = neg(max(neg(where(others, apart, FAR)), { axes: [1] }));
  // Without a neighbour of another class there is nothing to keep off but the means.
  const within = where(equal(max(others, { axes: [1] }), 0), add(farthest, margin), nearest);
  const toMeans = where(broadcast(old, [n, means.shape[0]!]), distances(rows, means), FAR);
  const negative = neg(maximum(neg(within), max(neg(toMeans), { axes: [1] })));
  const hinge = relu(add(sub(farthest, negative), margin));
  return div(sum(mul(hinge, weights)), sum(weights));
}

function unitRows(means: Float32Array, width: number): Float32Array {
  return means.map((value, i) => {
    const first = i - i % width;
    const length = Math.hypot(...means.subarray(first, first + width));
    return length > 0 ? value / length : 0;
  });
}

/** LoRA⁻-DRS. */
export const loraDrs: MethodDefinition = defineMethod({
  name: "lora-drs",
  summary: "Moves within the space that the images have where earlier updates are subtracted; triplet loss",
  source: "Liu and Chang, arXiv 2503.18985",
  family: "projected",
  year: 2025,
  keeps: "The sum of the updates, and a mean feature for every class",
  options: z.strictObject({
    energy: z.number().min(0.1).max(1).default(0.99)
      .describe("Share ε of the inputs' second moment that the space of moves holds"),
    lambda: z.number().min(0).default(0.05).describe("Strength λ of the triplet loss"),
    margin: z.number().min(0).max(4).default(1).describe("Margin m of the triplet loss"),
  }),
  create: ({ energy, lambda, margin }) =>
    foldedMethod<DrsState>({
      init: ({ classes, config }) => ({
        sum: emptySum,
        means: new Float32Array(classes * featureWidth(config)),
        seen: [],
      }),
      async begin({ sum: updates, means, seen }, task, kit) {
        const base = scaledSum(updates, 1);
        const moments = base && await inputMoments(kit, task, scaleAdapter(base, -1));
        const width = featureWidth(kit.config);
        const fixed: NamedTensors = {
          ...perInput(
            kit,
            SPACE,
            ({ name, size }) =>
              tensorOf(moments ? driftResistant(moments[name]!.second, energy) : Matrix.eye(size)),
          ),
          means: hostTensor([kit.classes, width], unitRows(means, width)),
          old: classMask(seen, kit),
        };
        return {
          start: freshFactors(kit, task.index),
          base: base ?? noUpdate(kit),
          fixed,
          project: (moves, fixed) => withinSpace(moves, fixed, kit),
          extraLoss({ env: { fixed, rows }, feature }) {
            const { labels, weights } = rows();
            const old = kit.classesReturn
              ? mul(sub(1, oneHot(labels, kit.classes)), fixed["old"]!)
              : fixed["old"]!;
            const loss = augmentedTriplet(feature, labels, weights, fixed["means"]!, old, margin);
            return mul(loss, lambda);
          },
        };
      },
      async end({ sum: updates, means, counts, seen }, task, values, kit) {
        const next = addToSum(updates, adapterOf(values, kit), null);
        const features = await kit.map(featurePass(scaledSum(next, 1)), imageTable(task.train));
        const found = classMeans(features.data, task.train.labels, kit.classes);
        const { mean, count } = mergedMeans(
          hostTensor([kit.classes, found.width], means),
          hostTensor([kit.classes], counts),
          found,
          task.classes,
        );
        return {
          sum: next,
          means: mean.data,
          ...(kit.classesReturn && { counts: count.data }),
          seen: [...new Set([...seen, ...task.classes])],
        };
      },
      deploy: ({ sum: updates }) => scaledSum(updates, 1),
    }),
});
