/**
 * Classifiers: how features become class scores. One setting names the policy and a few more shape it; every method
 * works with every policy.
 *
 * @module
 */
import { alignment } from "./alignment.ts";
import type { Classifier } from "./classifier.ts";
import type { DriftKind } from "./drift.ts";
import { driftingMeans, fecam, lda } from "./gaussian.ts";
import { cosine, linear, ncm } from "./linear.ts";
import { recursiveRidge, ridge } from "./ridge.ts";
import type { ShrinkTarget } from "./statistics.ts";

export type {
  Classifier,
  ClassifierKit,
  ClassifierState,
  MovedFeatures,
  Scorer,
  StoredFeatures,
  TaskFeatures,
} from "./classifier.ts";
export { type DriftKind, driftKinds } from "./drift.ts";
export { type ShrinkTarget, shrinkTargets } from "./statistics.ts";

/** What shapes the policies; each says in `classifierOptions` which it reads. */
export interface ClassifierOptions {
  /** Where the statistics of earlier classes go when an adapter moves the features; `"none"` by default. */
  readonly drift?: DriftKind;
  /** Whether each class has a covariance of its own (the default) or all share one. */
  readonly covariance?: "class" | "shared";
  /** Random features of the ridge regressions, 640 by default. */
  readonly randomFeatures?: number;
  /** Penalty λ of `acil`, 0.1 by default. */
  readonly penalty?: number;
  /** Weight of the identity in a covariance: 0.1 of the whole for `lda`, 1 beside it for `fecam`, by default. */
  readonly shrinkage?: number;
  /** What takes that weight in `lda`: the mean variance (`"identity"`, the default), or the variances as they are. */
  readonly shrinkTarget?: ShrinkTarget;
  /** Features of each class that `alignment` draws, 128 by default. */
  readonly alignSamples?: number;
  /** Passes of `alignment` over what it drew, 3 by default. */
  readonly alignEpochs?: number;
}

/** Names of the policies. */
export const classifierNames = [
  "linear",
  "cosine",
  "ncm",
  "alignment",
  "ridge",
  "acil",
  "lda",
  "fecam",
] as const;
/** Name of a policy. */
export type ClassifierName = typeof classifierNames[number];

interface Policy {
  /** One line. */
  readonly summary: string;
  /** The options that it reads. */
  readonly options: readonly (keyof ClassifierOptions)[];
  create(options: ClassifierOptions): Classifier;
}

const policies: Readonly<Record<ClassifierName, Policy>> = {
  linear: {
    summary: "Rows and biases trained with the model, each on the task of its class",
    options: [],
    create: () => linear,
  },
  cosine: {
    summary: "The same with cosine logits",
    options: [],
    create: () => cosine,
  },
  ncm: {
    summary: "Nearest class mean by cosine",
    options: ["drift"],
    create: ({ drift = "none" }) => drift === "none" ? ncm : driftingMeans(drift),
  },
  alignment: {
    summary: "Linear rows, trained again after each task on features drawn from a Gaussian of every class",
    options: ["drift", "covariance", "alignSamples", "alignEpochs"],
    create: (
      { drift = "none", covariance = "class", alignSamples: samples = 128, alignEpochs: epochs = 3 },
    ) => alignment({ drift, covariance, samples, epochs }),
  },
  ridge: {
    summary: "Ridge regression on random ReLU features, penalty chosen on each task (RanPAC)",
    options: ["randomFeatures"],
    create: ({ randomFeatures: features = 640 }) => ridge({ features }),
  },
  acil: {
    summary: "The same regression as a recursion at one penalty, whatever the order of tasks (ACIL)",
    options: ["randomFeatures", "penalty"],
    create: ({ randomFeatures: features = 640, penalty = 0.1 }) => recursiveRidge({ features, penalty }),
  },
  lda: {
    summary: "Linear discriminant analysis with one shrunk covariance",
    options: ["drift", "shrinkage", "shrinkTarget"],
    create: ({ drift = "none", shrinkage = 0.1, shrinkTarget = "identity" }) =>
      lda({ drift, shrinkage, shrinkTarget }),
  },
  fecam: {
    summary: "Mahalanobis distance with a correlation matrix for each class (FeCAM)",
    options: ["drift", "shrinkage"],
    create: ({ drift = "none", shrinkage = 1 }) => fecam({ drift, shrinkage }),
  },
};

/** The options that a policy reads. */
export function classifierOptions(name: ClassifierName): readonly (keyof ClassifierOptions)[] {
  return policies[name].options;
}

/** A policy in one line. */
export function describeClassifier(name: ClassifierName): string {
  return policies[name].summary;
}

/** A policy with options; those that it does not read have no effect. */
export function createClassifier(name: ClassifierName, options: ClassifierOptions = {}): Classifier {
  return policies[name].create(options);
}

/** All policies with their default options. */
export const classifiers = Object.fromEntries(
  classifierNames.map((name) => [name, createClassifier(name)]),
) as Readonly<Record<ClassifierName, Classifier>>;
