/**
 * Classifiers that score by statistics of the features, without training: nearest means that follow drift, `lda` with
 * one shrunk covariance for all classes, which is linear, and `fecam` with one for each.
 *
 * @module
 */
import { inverse, Matrix, solve } from "ml-matrix";
import { hostTensor } from "../core/tensors.ts";
import { add, div, matmul, mul, neg, reshape, sqrt, sub, sum, transpose } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { unitRows } from "../nn/heads.ts";
import type { Classifier, ClassifierState } from "./classifier.ts";
import { type DriftKind, transported } from "./drift.ts";
import { freshRows, linearLogits, linearScorer, rowsOf } from "./linear.ts";
import {
  type CovarianceKind,
  covarianceOf,
  emptyStatistics,
  knownClasses,
  MEAN,
  type ShrinkTarget,
  shrunk,
  statisticsBytes,
  withTask,
} from "./statistics.ts";

/** Their options. */
export interface GaussianOptions {
  /** Where earlier statistics go when the features move. */
  readonly drift: DriftKind;
  /** Share of the identity in a covariance. */
  readonly shrinkage: number;
}

/** Those of `lda`. */
export interface LdaOptions extends GaussianOptions {
  /** What takes the share: the mean variance on the diagonal, or the variances as they are. */
  readonly shrinkTarget?: ShrinkTarget;
}

/** Training goes by linear rows that are thrown away after the task; what is kept are statistics. */
function statistical(
  covariance: CovarianceKind,
  drift: DriftKind,
  change: (features: Float32Array, width: number) => Float32Array,
): Pick<Classifier, "init" | "trains" | "logits" | "finish" | "bytes"> {
  return {
    init: (classes, width, rng) => ({
      ...freshRows(classes, width, rng),
      ...emptyStatistics(classes, width, covariance),
    }),
    trains: rowsOf,
    logits: linearLogits,
    async finish(state, task) {
      const changed = (tensor: { readonly shape: readonly number[]; readonly data: Float32Array }) =>
        hostTensor(tensor.shape, change(tensor.data, tensor.shape[1]!));
      const features = changed(await task.features());
      const moves = drift !== "none" && knownClasses(state).length > 0;
      const { evidence } = task;
      const earlier = moves
        ? transported(
          state,
          drift,
          changed(await (evidence ?? task).earlier()),
          evidence ? changed(await evidence.features()) : features,
        )
        : state;
      return withTask(earlier, features.data, task.labels, task.classes);
    },
    bytes: statisticsBytes,
  };
}

/** Nearest class mean by cosine, whose means follow the features when an adapter moves them. */
export function driftingMeans(drift: DriftKind): Classifier {
  return {
    kind: "ncm",
    ...statistical("none", drift, (features) => features),
    scorer: (state) =>
      linearScorer({ kind: "ncm", weight: state[MEAN]!, bias: hostTensor([state[MEAN]!.shape[0]!]) }),
  };
}

/**
 * Linear discriminant analysis with a shared covariance Σ: the score of a class is fᵀ Σ⁻¹ μ - μᵀ Σ⁻¹ μ / 2, which is
 * its log posterior under equal priors, up to a term common to all.
 */
export function lda({ drift, shrinkage, shrinkTarget = "identity" }: LdaOptions): Classifier {
  return {
    kind: "lda",
    ...statistical("shared", drift, (features) => features),
    scorer(state) {
      const { shape: [classes, width], data } = state[MEAN]!;
      const covariance = shrunk(covarianceOf(state, 0), width!, shrinkage, shrinkTarget);
      const means = Matrix.from1DArray(classes!, width!, data);
      const rows = solve(Matrix.from1DArray(width!, width!, covariance), means.transpose()).transpose();
      const bias = Float32Array.from(
        { length: classes! },
        (_, label) => -rows.getRowVector(label).dot(means.getRowVector(label)) / 2,
      );
      return linearScorer({
        kind: "linear",
        weight: hostTensor([classes!, width!], Float32Array.from(rows.to1DArray())),
        bias: hostTensor([classes!], bias),
      });
    },
  };
}

/**
 * FeCAM (Goswami et al., arXiv 2309.14062) as its authors run it on a ViT: features of length 1; each class's
 * covariance gets `shrinkage` times its mean variance on the diagonal, then is scaled to correlations; the score is
 * minus the squared Mahalanobis distance.
 */
export function fecam({ drift, shrinkage }: GaussianOptions): Classifier {
  return {
    kind: "fecam",
    ...statistical("class", drift, (features, width) => Float32Array.from(unitRows(features, width))),
    scorer: (state) => ({
      fixed: { "head.mean": state[MEAN]!, "head.precision": precisions(state, shrinkage) },
      scores: (feature, fixed) => mahalanobis(feature, fixed["head.mean"]!, fixed["head.precision"]!),
    }),
  };
}

/** Inverse of the shrunk correlation matrix of each known class, zero for the others: [classes, width, width]. */
export function precisions(state: ClassifierState, shrinkage: number) {
  const [classes, width] = state[MEAN]!.shape as [number, number];
  const all = hostTensor([classes, width, width]);
  for (const label of knownClasses(state)) {
    const correlation = correlationOf(covarianceOf(state, label), width, shrinkage);
    all.data.set(inverse(Matrix.from1DArray(width, width, correlation)).to1DArray(), label * width * width);
  }
  return all;
}

function correlationOf(covariance: Float64Array, width: number, shrinkage: number): Float64Array {
  let trace = 0;
  for (let i = 0; i < width; i++) trace += covariance[i * width + i]!;
  const shrunkOnes = Float64Array.from(covariance);
  for (let i = 0; i < width; i++) shrunkOnes[i * width + i]! += shrinkage * trace / width + 1e-9;
  const deviations = Float64Array.from({ length: width }, (_, i) => Math.sqrt(shrunkOnes[i * width + i]!));
  return shrunkOnes.map((value, at) =>
    value / (deviations[Math.floor(at / width)]! * deviations[at % width]!)
  );
}

/** -(f̂ - μ)ᵀ P (f̂ - μ) of each class: [batch, classes]. */
function mahalanobis(feature: Tensor, mean: Tensor, precision: Tensor): Tensor {
  const [batch, width] = feature.shape as [number, number];
  const classes = mean.shape[0]!;
  const length = sqrt(add(sum(mul(feature, feature), { axes: [-1], keepDims: true }), 1e-12));
  const gap = sub(reshape(div(feature, length), [1, batch, width]), reshape(mean, [classes, 1, width]));
  const distance = sum(mul(matmul(gap, precision), gap), { axes: [2] });
  return neg(transpose(distance, [1, 0]));
}
