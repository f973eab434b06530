/**
 * Ridge regression from features to classes, the linear probe that needs no training loop.
 *
 * @module
 */
import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { type ClassMeans, classMeans, headFrom, type LinearHead } from "./heads.ts";

/** Penalty on the squared weights, beside a sum of squared errors over all samples and standardised features. */
export const RIDGE_PENALTY = 10;

/**
 * The head that minimises Σ_samples |W z + b - e_label|² + penalty · |W|², with z the features standardised to mean 0
 * and deviation 1 over the samples, e one-hot targets and b free. The standardisation is folded into the head, which
 * takes plain features. All sums are float64 in sample order.
 *
 * @param features [samples, width]
 * @param labels One class in [0, classes) per sample
 * @throws {RangeError} As `classMeans`, or if the penalty is not positive
 */
export function ridgeHead(
  features: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  classes: number,
  penalty: number = RIDGE_PENALTY,
): LinearHead {
  if (!(penalty > 0)) {
    throw new RangeError(`Cannot fit a ridge: found penalty ${penalty}, wanted a positive one`);
  }
  const statistics = classMeans(features, labels, classes);
  const { width, counts, means } = statistics;
  const samples = labels.length;
  const { mean, scale } = moments(features, width);
  const gram = gramMatrix(features, mean, scale);
  for (let i = 0; i < width; i++) gram.set(i, i, gram.get(i, i) + penalty);
  // Zᵀ(E - mean of E) = ZᵀE, because Z is centred: for each class, its count times its standardised mean.
  const target = new Matrix(width, classes);
  for (let c = 0; c < classes; c++) {
    for (let i = 0; i < width; i++) {
      target.set(i, c, counts[c]! * (means[c * width + i]! - mean[i]!) * scale[i]!);
    }
  }
  return unstandardise(new CholeskyDecomposition(gram).solve(target), mean, scale, statistics, samples);
}

/** Means of the columns, and one over their deviations; 1 for a column that varies by no more than rounding. */
function moments(features: ArrayLike<number>, width: number) {
  const samples = features.length / width;
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  for (let i = 0; i < features.length; i++) mean[i % width]! += features[i]! / samples;
  for (let i = 0; i < features.length; i++) {
    variance[i % width]! += (features[i]! - mean[i % width]!) ** 2 / samples;
  }
  const rounding = (i: number) => (samples * Number.EPSILON * mean[i]!) ** 2;
  return { mean, scale: variance.map((value, i) => value > rounding(i) ? 1 / Math.sqrt(value) : 1) };
}

/** ZᵀZ of the standardised features. */
function gramMatrix(features: ArrayLike<number>, mean: Float64Array, scale: Float64Array): Matrix {
  const width = mean.length;
  const sums = new Float64Array(width * width);
  const row = new Float64Array(width);
  for (let start = 0; start < features.length; start += width) {
    for (let i = 0; i < width; i++) row[i] = (features[start + i]! - mean[i]!) * scale[i]!;
    for (let i = 0; i < width; i++) {
      const value = row[i]!;
      for (let j = 0; j <= i; j++) sums[i * width + j]! += value * row[j]!;
    }
  }
  const gram = new Matrix(width, width);
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      gram.set(i, j, sums[i * width + j]!);
      gram.set(j, i, sums[i * width + j]!);
    }
  }
  return gram;
}

/** The head on plain features of a solution [width, classes] on standardised ones. */
function unstandardise(
  solution: Matrix,
  mean: Float64Array,
  scale: Float64Array,
  statistics: ClassMeans,
  samples: number,
): LinearHead {
  const { classes, width, counts } = statistics;
  const rows = new Float64Array(classes * width);
  const bias = Float64Array.from(counts, (count) => count / samples);
  for (let c = 0; c < classes; c++) {
    for (let i = 0; i < width; i++) {
      const value = solution.get(i, c) * scale[i]!;
      rows[c * width + i] = value;
      bias[c]! -= value * mean[i]!;
    }
  }
  return headFrom(statistics, rows, bias);
}
