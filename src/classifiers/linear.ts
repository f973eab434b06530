/**
 * The classifiers that train by gradient with the model, and the nearest class mean, which needs no training of its
 * own: rows [classes, width] and biases [classes].
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { hostTensor, type NamedTensors } from "../core/tensors.ts";
import {
  type ClassifierKind,
  COSINE_SCALE,
  HEAD_BIAS,
  HEAD_WEIGHT,
  type KindOfHead,
  scoringHead,
} from "../nn/classifier.ts";
import { classMeans, cosineHead, type LinearHead, linearHead } from "../nn/heads.ts";
import type { Named } from "../train/table.ts";
import type { Classifier, ClassifierState, Scorer, StoredFeatures } from "./classifier.ts";
import { COUNT, mergedMeans } from "./statistics.ts";

/** Standard deviation of fresh rows; small, so that the first loss is the logarithm of the classes. */
const ROW_DEVIATION = 0.01;

/** Small random rows and no biases. */
export function freshRows(classes: number, width: number, rng: Rng): ClassifierState {
  const weight = hostTensor([classes, width]);
  for (let i = 0; i < weight.data.length; i++) weight.data[i] = rng.normal() * ROW_DEVIATION;
  return { [HEAD_WEIGHT]: weight, [HEAD_BIAS]: hostTensor([classes]) };
}

/** The rows and biases of a state. */
export function headOf(state: ClassifierState): LinearHead {
  return { weight: state[HEAD_WEIGHT]!, bias: state[HEAD_BIAS]! };
}

/** Those tensors alone. */
export function rowsOf(state: NamedTensors): NamedTensors {
  return { [HEAD_WEIGHT]: state[HEAD_WEIGHT]!, [HEAD_BIAS]: state[HEAD_BIAS]! };
}

/** Numbers of a feature. */
export function widthOf(state: ClassifierState): number {
  return state[HEAD_WEIGHT]!.shape[1]!;
}

/** Logits with trained rows and biases. */
export function linearLogits(feature: Parameters<Classifier["logits"]>[0], trained: Named) {
  return linearHead(feature, trained[HEAD_WEIGHT]!, trained[HEAD_BIAS]!);
}

/** The scorer of a linear classifier. */
export function linearScorer(head: KindOfHead): Scorer {
  const { weight, bias } = scoringHead(head);
  return {
    fixed: { [HEAD_WEIGHT]: weight, [HEAD_BIAS]: bias },
    scores: linearLogits,
    head,
  };
}

function kindOf(kind: ClassifierKind): Pick<Classifier, "kind" | "scorer"> {
  return { kind, scorer: (state) => linearScorer({ kind, ...headOf(state) }) };
}

/** Rows of a task's classes are trained on that task alone, with the other logits left out. */
export const linear: Classifier = {
  ...kindOf("linear"),
  keepsRows: true,
  rowsAnswer: true,
  init: freshRows,
  trains: rowsOf,
  logits: linearLogits,
  finish: (_state, { trained }) => Promise.resolve(rowsOf(trained)),
  bytes: (state, seen) => 4 * seen * (widthOf(state) + 1),
};

/** The same with cosine logits. */
export const cosine: Classifier = {
  ...linear,
  ...kindOf("cosine"),
  logits: (feature, trained) => cosineHead(feature, trained[HEAD_WEIGHT]!, COSINE_SCALE),
  bytes: (state, seen) => 4 * seen * widthOf(state),
};

/** Mean rows for some classes, in place of those of a state. */
export function withMeans(
  state: ClassifierState,
  classes: readonly number[],
  means: ArrayLike<number>,
): ClassifierState {
  const { weight, bias } = headOf(state);
  const width = widthOf(state);
  const data = Float32Array.from(weight.data);
  for (const label of classes) {
    for (let i = 0; i < width; i++) data[label * width + i] = means[label * width + i]!;
  }
  return { [HEAD_WEIGHT]: hostTensor(weight.shape, data), [HEAD_BIAS]: hostTensor(bias.shape) };
}

/**
 * The mean rows of earlier classes after the model changed, where images of them are stored: each moves by the mean
 * move of its stored images. A class of which none is stored stays.
 */
async function movedMeans(state: ClassifierState, stored: StoredFeatures): Promise<ClassifierState> {
  const { weight, bias } = headOf(state);
  const { labels } = stored;
  const classes = bias.data.length;
  const now = classMeans((await stored.features()).data, labels, classes).means;
  const before = classMeans((await stored.earlier()).data, labels, classes).means;
  const rows = weight.data.map((value, i) => value + (now[i]! - before[i]!));
  return withMeans(state, [...new Set(labels)], rows);
}

/**
 * Nearest class mean: training as `linear`, then each class is the mean feature of its training images under the model
 * deployed after its task; scores are cosines. Means of earlier classes follow their stored images, if a method has
 * any. Where classes come back a mean is that of all images so far, each under the model deployed after its task, and
 * their numbers are kept, too.
 */
export const ncm: Classifier = {
  ...cosine,
  ...kindOf("ncm"),
  keepsRows: false,
  logits: linearLogits,
  async finish(state, { classes, labels, features, stored }, { classesReturn }) {
    // Means are not trained: with a loss over all classes seen, training would move those of earlier tasks.
    const found = classMeans((await features()).data, labels, headOf(state).bias.data.length);
    const earlier = stored && stored.labels.length > 0 ? await movedMeans(state, stored) : state;
    if (!classesReturn) return withMeans(earlier, classes, found.means);
    const before = state[COUNT] ?? hostTensor([found.classes]);
    const { mean, count } = mergedMeans(headOf(earlier).weight, before, found, classes);
    return { ...withMeans(earlier, classes, mean.data), [COUNT]: count };
  },
  bytes: (state, seen) => cosine.bytes(state, seen) + (state[COUNT] ? 4 * seen : 0),
};
