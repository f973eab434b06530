/**
 * Classifiers on a feature: linear, cosine, and nearest class mean (NCM) as a linear head. Class means are summed
 * on the host in float64 and in sample order, so they do not depend on the backend's reductions.
 *
 * @module
 */
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import { add, div, linear, matmul, mul, type Operand, sqrt, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";

/** Logits [batch, classes] of a feature [batch, width], with weight [classes, width] and bias [classes]. */
export function linearHead(feature: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return linear(feature, weight, bias);
}

/** Rows scaled to length 1. The small term keeps a zero row, and its gradient, finite. */
function unit(x: Tensor): Tensor {
  return div(x, sqrt(add(sum(mul(x, x), { axes: [-1], keepDims: true }), 1e-12)));
}

/** Logits sigma · cos(feature, weight_c) [batch, classes]. */
export function cosineHead(feature: Tensor, weight: Tensor, sigma: Operand): Tensor {
  return mul(matmul(unit(feature), unit(weight), { transposeB: true }), sigma);
}

/** A linear classifier on the host. */
export interface LinearHead {
  /** [classes, width] */
  readonly weight: HostTensor;
  /** [classes] */
  readonly bias: HostTensor;
}

/** The classifier of some classes alone, in the given order. */
export function selectRows({ weight, bias }: LinearHead, classes: readonly number[]): LinearHead {
  const width = weight.shape[1]!;
  const rows = hostTensor([classes.length, width]);
  classes.forEach((label, row) => {
    rows.data.set(weight.data.subarray(label * width, (label + 1) * width), row * width);
  });
  return {
    weight: rows,
    bias: hostTensor([classes.length], Float32Array.from(classes, (label) => bias.data[label]!)),
  };
}

/** Mean feature of each class. */
export interface ClassMeans {
  /** Rows of `means`. */
  readonly classes: number;
  /** Numbers of a feature. */
  readonly width: number;
  /** [classes, width], zeros for a class without samples. */
  readonly means: Float64Array;
  /** Samples per class. */
  readonly counts: Int32Array;
}

/** Logit of a class that has no mean: below every distance, and finite on every backend. */
const NO_MEAN = -1e30;

/**
 * Class means of features [samples, width].
 *
 * @param labels One class in [0, classes) per sample
 * @throws {RangeError} If the values do not divide into samples or a label is out of range
 */
export function classMeans(
  features: Float32Array | Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): ClassMeans {
  const width = features.length / labels.length;
  if (!Number.isInteger(width) || width < 1) {
    throw new RangeError(
      `Cannot compute class means: found ${features.length} values for ${labels.length} samples`,
    );
  }
  const means = new Float64Array(classes * width);
  const counts = new Int32Array(classes);
  for (let sample = 0; sample < labels.length; sample++) {
    const label = labels[sample]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(`Cannot compute class means: found label ${label}, wanted one below ${classes}`);
    }
    counts[label]!++;
    for (let i = 0; i < width; i++) means[label * width + i]! += features[sample * width + i]!;
  }
  for (let i = 0; i < means.length; i++) means[i]! /= Math.max(counts[Math.floor(i / width)]!, 1);
  return { classes, width, means, counts };
}

/** Rows of [samples, width] scaled to length 1; a zero row stays zero. */
export function unitRows(values: Float32Array | Float64Array, width: number): Float64Array {
  const result = Float64Array.from(values);
  for (let start = 0; start < result.length; start += width) {
    const row = result.subarray(start, start + width);
    const length = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
    if (length > 0) { for (let i = 0; i < width; i++) row[i]! /= length; }
  }
  return result;
}

/**
 * The head of rows [classes, width] and a bias [classes]; a class without samples never wins.
 *
 * @param statistics Of the samples that the rows come from
 */
export function headFrom(
  { classes, width, counts }: ClassMeans,
  rows: Float64Array,
  bias: Float64Array,
): LinearHead {
  return {
    weight: hostTensor([classes, width], Float32Array.from(rows)),
    bias: hostTensor([classes], Float32Array.from(bias, (value, c) => counts[c] === 0 ? NO_MEAN : value)),
  };
}

/** The head whose largest logit is the nearest mean: -|f - m|² = 2 f·m - |m|² up to a term common to all classes. */
export function euclideanHead(statistics: ClassMeans): LinearHead {
  const { classes, width, means } = statistics;
  const bias = new Float64Array(classes);
  means.forEach((value, i) => bias[Math.floor(i / width)]! -= value * value);
  return headFrom(statistics, means.map((value) => 2 * value), bias);
}

/**
 * The head whose largest logit is the mean of largest cosine: unit means, no bias. The length of the feature does
 * not change the order of the logits; on unit features they are the cosines.
 */
export function cosineMeansHead(statistics: ClassMeans): LinearHead {
  return headFrom(
    statistics,
    unitRows(statistics.means, statistics.width),
    new Float64Array(statistics.classes),
  );
}

/** Logits [samples, classes] of features [samples, width] on the host, summed in float64 in a fixed order. */
export function hostLogits({ weight, bias }: LinearHead, features: ArrayLike<number>): Float64Array {
  const [classes, width] = weight.shape as [number, number];
  const logits = new Float64Array(features.length / width * classes);
  for (let i = 0; i < logits.length; i++) {
    const [sample, label] = [Math.floor(i / classes) * width, i % classes * width];
    let total = bias.data[i % classes]!;
    for (let j = 0; j < width; j++) total += features[sample + j]! * weight.data[label + j]!;
    logits[i] = total;
  }
  return logits;
}

/** Share of rows of logits [samples, classes] whose largest is their label's; of equal logits the first wins. */
export function shareRight(logits: ArrayLike<number>, labels: ArrayLike<number>): number {
  const classes = logits.length / labels.length;
  let right = 0;
  for (let sample = 0; sample < labels.length; sample++) {
    let found = -1;
    let best = -Infinity;
    for (let label = 0; label < classes; label++) {
      const logit = logits[sample * classes + label]!;
      if (logit > best) [found, best] = [label, logit];
    }
    if (found === labels[sample]) right++;
  }
  return right / labels.length;
}
