/**
 * The classifier of a run: the same policy for every method, and kept by the protocol, so that methods differ in
 * their adapters alone. Rows of classes not yet seen exist from the start and never win.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { classMeans, type LinearHead, unitRows } from "../nn/heads.ts";
import type { HeadPolicy } from "./settings.ts";

/** Standard deviation of fresh classifier rows; small, so that the first loss is the logarithm of the classes. */
const ROW_DEVIATION = 0.01;

/** A classifier before training: small random rows, no bias. */
export function freshHead(classes: number, width: number, rng: Rng): LinearHead {
  const weight = hostTensor([classes, width]);
  for (let i = 0; i < weight.data.length; i++) weight.data[i] = rng.normal() * ROW_DEVIATION;
  return { weight, bias: hostTensor([classes]) };
}

/** Writes the mean features of some classes into the classifier's rows; other rows stay. */
export function setPrototypes(
  head: LinearHead,
  classes: readonly number[],
  features: Float32Array,
  labels: ArrayLike<number>,
): LinearHead {
  const [total, width] = head.weight.shape as [number, number];
  const { means } = classMeans(features, labels, total);
  const data = Float32Array.from(head.weight.data);
  for (const label of classes) {
    data.set(means.subarray(label * width, (label + 1) * width), label * width);
  }
  return { weight: hostTensor([total, width], data), bias: hostTensor([total]) };
}

/** A classifier with the rows of some classes from another. */
export function withRows(head: LinearHead, other: LinearHead, classes: readonly number[]): LinearHead {
  const [total, width] = head.weight.shape as [number, number];
  const weight = hostTensor([total, width], Float32Array.from(head.weight.data));
  const bias = hostTensor([total], Float32Array.from(head.bias.data));
  for (const label of classes) {
    weight.data.set(other.weight.data.subarray(label * width, (label + 1) * width), label * width);
    bias.data[label] = other.bias.data[label]!;
  }
  return { weight, bias };
}

/** The classifier of some classes alone, in the given order. */
export function headRows({ weight, bias }: LinearHead, classes: readonly number[]): LinearHead {
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

/** Highest-scoring class of each feature among all classes seen, and among the classes of the feature's own task. */
export interface Predictions {
  readonly classIncremental: Int32Array;
  readonly taskIncremental: Int32Array;
}

/**
 * Scores features [n, width]. Sums are float64 in a fixed order; of equal scores the class seen first wins.
 *
 * @param seen Classes in stream order
 * @param own The classes of the task that the features belong to
 */
export function predict(
  policy: HeadPolicy,
  head: LinearHead,
  features: Float32Array,
  seen: readonly number[],
  own: readonly number[],
): Predictions {
  const width = head.weight.shape[1]!;
  const count = features.length / width;
  const isLinear = policy === "linear";
  const rows = isLinear ? head.weight.data : unitRows(head.weight.data, width);
  const isOwn = new Set(own);
  const classIncremental = new Int32Array(count);
  const taskIncremental = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    let best = -Infinity;
    let bestOwn = -Infinity;
    for (const label of seen) {
      let score = isLinear ? head.bias.data[label]! : 0;
      for (let j = 0; j < width; j++) score += features[i * width + j]! * rows[label * width + j]!;
      if (score > best) {
        best = score;
        classIncremental[i] = label;
      }
      if (score > bestOwn && isOwn.has(label)) {
        bestOwn = score;
        taskIncremental[i] = label;
      }
    }
  }
  return { classIncremental, taskIncremental };
}
