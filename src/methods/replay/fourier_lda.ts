/**
 * Linear discriminant analysis of random Fourier features, the classifier of RanDumb (Prabhu et al., arXiv 2402.08823):
 * a covariance shared by all classes, shrunk as far as oracle approximating shrinkage says (OAS, Chen et al. 2010).
 *
 * @module
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import type { Classifier, ClassifierKit, ClassifierState } from "../../classifiers/classifier.ts";
import {
  COUNT,
  emptyStatistics,
  knownClasses,
  MEAN,
  SCATTER,
  type Statistics,
  statisticsBytes,
  withTask,
} from "../../classifiers/statistics.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { linear } from "../../graph/functions.ts";
import { FOURIER_PHASE, FOURIER_WEIGHT, fourierFeatures, fourierMap } from "../pieces/random_features.ts";
import { prefixed, unprefixed } from "../pieces/tensors.ts";

/** A score that no class with images has. */
const NEVER = -1e30;

/**
 * Share of the identity: ((tr Σ²) / p² + m²) / ((n + 1) ((tr Σ²) / p² - m² / p)), with m = tr Σ / p, at most 1. This is the
 * form of scikit-learn, which leaves out terms of the paper that vanish with 1 / p.
 *
 * @param covariance Σ [p, p], symmetric, of n samples
 */
export function oasShrinkage(covariance: Matrix, samples: number): number {
  const size = covariance.rows;
  const mean = covariance.trace() / size;
  const squares = covariance.to1DArray().reduce((total, value) => total + value * value, 0) / size ** 2;
  const scale = (samples + 1) * (squares - mean ** 2 / size);
  return scale > 0 ? Math.min(1, (squares + mean ** 2) / scale) : 1;
}

/** Rows Σ⁻¹ μ [classes, width] and biases -μᵀ Σ⁻¹ μ / 2 + ln of the share of the class's images; Σ is shrunk. */
export function discriminants(
  statistics: Statistics,
): { readonly rows: HostTensor; readonly bias: HostTensor } {
  const { shape: [classes, width], data } = statistics[MEAN]!;
  const counts = statistics[COUNT]!.data;
  const images = counts.reduce((total, count) => total + count, 0);
  const covariance = Matrix.from1DArray(width!, width!, statistics[SCATTER]!.data).mul(
    1 / Math.max(1, images),
  );
  const share = oasShrinkage(covariance, images);
  // The floor is for a task of single images, which scatter nowhere.
  const diagonal = share * covariance.trace() / width! + 1e-9;
  const shrunk = covariance.mul(1 - share).add(Matrix.eye(width!).mul(diagonal));
  const means = Matrix.from1DArray(classes!, width!, data);
  const rows = new CholeskyDecomposition(shrunk).solve(means.transpose()).transpose();
  const bias = hostTensor([classes!], new Float32Array(classes!).fill(NEVER));
  for (const label of knownClasses(statistics)) {
    const square = rows.getRowVector(label).dot(means.getRowVector(label));
    bias.data[label] = Math.log(counts[label]! / images) - square / 2;
  }
  return { rows: hostTensor([classes!, width!], Float32Array.from(rows.to1DArray())), bias };
}

/** γ = 1 / (width · variance of all numbers of the features), scikit-learn's `"scale"`. */
export function kernelScale({ shape, data }: HostTensor): number {
  const mean = data.reduce((total, value) => total + value, 0) / data.length;
  const variance = data.reduce((total, value) => total + (value - mean) ** 2, 0) / data.length;
  return variance > 0 ? 1 / (shape[1]! * variance) : 1;
}

const PREFIX = "head.";
const WEIGHT = `${PREFIX}${FOURIER_WEIGHT}`;
const PHASE = `${PREFIX}${FOURIER_PHASE}`;
const ROWS = "head.rows";
const SHIFT = "head.shift";

function mapOf(state: ClassifierState): NamedTensors {
  return { [WEIGHT]: state[WEIGHT]!, [PHASE]: state[PHASE]! };
}

/** The random features [count, features] of features [count, width]. */
async function expanded(
  feature: HostTensor,
  map: NamedTensors,
  kit: Pick<ClassifierKit, "map">,
): Promise<HostTensor> {
  return await kit.map({
    fixed: map,
    output: (env) => fourierFeatures(env.rows()["feature"]!, unprefixed(env.fixed, PREFIX)),
  }, { count: feature.shape[0]!, columns: { feature } });
}

/** A map of γ = 1/2, whose weights have deviation 1, as one of another γ. */
function rescaled(map: NamedTensors, gamma: number): NamedTensors {
  const { shape, data } = map[WEIGHT]!;
  return { ...map, [WEIGHT]: hostTensor(shape, data.map((value) => Math.sqrt(2 * gamma) * value)) };
}

/** The policy. The first task's features say the γ of the kernel. Nothing of it trains. */
export function fourierLda({ features }: { readonly features: number }): Classifier {
  return {
    kind: "fourier-lda",
    init: (classes, width, rng) => ({
      ...emptyStatistics(classes, features, "shared"),
      ...prefixed(fourierMap(rng.stream("fourier features"), width, features, 0.5), PREFIX),
      [ROWS]: hostTensor([classes, features]),
      [SHIFT]: hostTensor([classes]),
    }),
    trains: () => ({}),
    logits() {
      throw new TypeError("Cannot train with Fourier features: there are no rows that train");
    },
    async finish(state, task, kit) {
      const feature = await task.features();
      const isFirst = knownClasses(state).length === 0;
      const map = isFirst ? rescaled(mapOf(state), kernelScale(feature)) : mapOf(state);
      const { data } = await expanded(feature, map, kit);
      const next = withTask({ ...state, ...map }, data, task.labels, task.classes);
      const { rows, bias } = discriminants(next);
      return { ...next, [ROWS]: rows, [SHIFT]: bias };
    },
    scorer: (state) => ({
      fixed: { ...mapOf(state), [ROWS]: state[ROWS]!, [SHIFT]: state[SHIFT]! },
      scores: (feature, fixed) =>
        linear(fourierFeatures(feature, unprefixed(fixed, PREFIX)), fixed[ROWS]!, fixed[SHIFT]!),
    }),
    bytes: (state, seen) =>
      statisticsBytes(state, seen) + 4 * (state[WEIGHT]!.data.length + features + seen * (features + 1)),
  };
}
