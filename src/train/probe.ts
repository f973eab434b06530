/**
 * How much frozen features tell about classes, all classes at once: nearest class mean and ridge regression. Neither
 * draws random numbers or has a step size, so a probe has one answer.
 *
 * @module
 */
import {
  classMeans,
  cosineMeansHead,
  euclideanHead,
  hostLogits,
  type LinearHead,
  shareRight,
} from "../nn/heads.ts";
import { ridgeHead } from "../nn/ridge.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { InputError } from "../core/errors.ts";
import type { FeatureExtractor } from "./extractor.ts";

/** Features [samples, width] and the class of each. */
export interface LabelledFeatures {
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

/** Shares of the test samples that are classified right. */
export interface ProbeScores {
  /** Nearest class mean by cosine: the means are of plain features. */
  readonly ncmCosine: number;
  /** Nearest class mean by Euclidean distance. */
  readonly ncmEuclidean: number;
  /** Ridge regression; see `ridgeHead`. */
  readonly ridge: number;
}

/** Fits classifiers to the training features and scores them on the test features. */
export function probeFeatures(
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
): ProbeScores {
  const statistics = classMeans(train.features, train.labels, classes);
  const score = (head: LinearHead) => shareRight(hostLogits(head, test.features), test.labels);
  return {
    ncmCosine: score(cosineMeansHead(statistics)),
    ncmEuclidean: score(euclideanHead(statistics)),
    ridge: score(ridgeHead(train.features, train.labels, classes)),
  };
}

/**
 * Probes the features of a data set.
 *
 * @throws {InputError} If a split has no images
 */
export async function probeDataset(
  extractor: FeatureExtractor,
  dataset: Dataset,
): Promise<ProbeScores> {
  const { name, classNames, train, test } = dataset;
  for (const [what, { count }] of [["training", train], ["test", test]] as const) {
    if (count === 0) throw new InputError(`Cannot probe on ${name}: found no ${what} images`);
  }
  const featuresOf = async (split: Split): Promise<LabelledFeatures> => ({
    features: await extractor.extract(split, [...split.labels.keys()]),
    labels: split.labels,
  });
  return probeFeatures(await featuresOf(train), await featuresOf(test), classNames.length);
}
