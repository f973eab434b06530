/**
 * Classifiers: how features become class scores, in training and at test. One value per policy says what trains, what
 * logits are, what is done when a task's training is over, and what is deployed; methods that want the run's policy
 * use it, others bring their own. Rows of classes not yet seen exist from the start, so that programs do not grow.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import type { Tensor } from "../graph/ops.ts";
import { classMeans, cosineHead, type LinearHead, linearHead, unitRows } from "./heads.ts";

/** Names of the policies. */
export const classifierKinds = ["linear", "cosine", "ncm"] as const;
/** Name of a policy. */
export type ClassifierKind = typeof classifierKinds[number];

/** Names of the tensors of a linear classifier. */
export const HEAD_WEIGHT = "head.weight";
export const HEAD_BIAS = "head.bias";

/** Temperature of the cosine classifier: logits are this times the cosine. */
export const COSINE_SCALE = 16;

/** Standard deviation of fresh rows; small, so that the first loss is the logarithm of the classes. */
const ROW_DEVIATION = 0.01;

/** What a classifier keeps between tasks: `head.weight` [classes, width] and `head.bias` [classes]. */
export type ClassifierState = NamedTensors;

/** Features of a task's training images and their classes. */
export interface TaskFeatures {
  /** [count, width] */
  readonly features: Float32Array;
  /** [count] */
  readonly labels: ArrayLike<number>;
}

/** A policy. */
export interface Classifier {
  /** Its name in settings and files. */
  readonly kind: ClassifierKind;
  /** Before the first task. */
  init(classes: number, width: number, rng: Rng): ClassifierState;
  /** Logits [batch, classes] in training, of features [batch, width] and the trained tensors. */
  logits(feature: Tensor, trained: Readonly<Record<string, Tensor>>): Tensor;
  /**
   * After a task's training.
   *
   * @param trained As training left it
   * @param before As it was before the task
   * @param samples Gives the features of the task's images under the deployed model, for policies that want them
   */
  finish(
    trained: ClassifierState,
    before: ClassifierState,
    classes: readonly number[],
    samples: () => Promise<TaskFeatures>,
  ): Promise<ClassifierState>;
  /** What scores at test, as a linear head: a class's score is its logit. */
  deploy(state: ClassifierState): LinearHead;
  /** Bytes of what is kept for `seen` classes, at 32 bits a number. */
  bytes(state: ClassifierState, seen: number): number;
}

function freshRows(classes: number, width: number, rng: Rng): ClassifierState {
  const weight = hostTensor([classes, width]);
  for (let i = 0; i < weight.data.length; i++) weight.data[i] = rng.normal() * ROW_DEVIATION;
  return { [HEAD_WEIGHT]: weight, [HEAD_BIAS]: hostTensor([classes]) };
}

/** The classifier as it is trained. */
export function headOf(state: ClassifierState): LinearHead {
  return { weight: state[HEAD_WEIGHT]!, bias: state[HEAD_BIAS]! };
}

function widthOf(state: ClassifierState): number {
  return state[HEAD_WEIGHT]!.shape[1]!;
}

/** Rows of length 1 and no bias: the order of the logits is that of the cosines. */
function unitHead(state: ClassifierState): LinearHead {
  const { weight, bias } = headOf(state);
  const rows = Float32Array.from(unitRows(weight.data, widthOf(state)));
  return { weight: hostTensor(weight.shape, rows), bias: hostTensor(bias.shape) };
}

function linearLogits(feature: Tensor, trained: Readonly<Record<string, Tensor>>): Tensor {
  return linearHead(feature, trained[HEAD_WEIGHT]!, trained[HEAD_BIAS]!);
}

/** Rows of a task's classes are trained on that task alone, with the other logits left out. */
const linear: Classifier = {
  kind: "linear",
  init: freshRows,
  logits: linearLogits,
  finish: (trained) => Promise.resolve(trained),
  deploy: headOf,
  bytes: (state, seen) => 4 * seen * (widthOf(state) + 1),
};

/** The same with cosine logits. */
const cosine: Classifier = {
  ...linear,
  kind: "cosine",
  logits: (feature, trained) => cosineHead(feature, trained[HEAD_WEIGHT]!, COSINE_SCALE),
  deploy: unitHead,
  bytes: (state, seen) => 4 * seen * widthOf(state),
};

/**
 * Nearest class mean: training as `linear`, then each class is the mean feature of its training images under the model
 * deployed after its task; scores are cosines.
 */
const ncm: Classifier = {
  ...cosine,
  kind: "ncm",
  logits: linearLogits,
  async finish(_trained, before, classes, samples) {
    // Means are not trained: with a loss over all classes seen, training would move those of earlier tasks.
    const { weight, bias } = headOf(before);
    const [total, width] = weight.shape as [number, number];
    const { features, labels } = await samples();
    const { means } = classMeans(features, labels, total);
    const data = Float32Array.from(weight.data);
    for (const label of classes) {
      data.set(means.subarray(label * width, (label + 1) * width), label * width);
    }
    return { [HEAD_WEIGHT]: hostTensor(weight.shape, data), [HEAD_BIAS]: hostTensor(bias.shape) };
  },
};

/** All policies by name. */
export const classifiers: Readonly<Record<ClassifierKind, Classifier>> = { linear, cosine, ncm };

/** The linear head whose logits are the scores of a classifier that was kept. */
export function scoringHead(
  { kind, weight, bias }: LinearHead & { readonly kind: ClassifierKind },
): LinearHead {
  return classifiers[kind].deploy({ [HEAD_WEIGHT]: weight, [HEAD_BIAS]: bias });
}
