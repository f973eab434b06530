/**
 * Classifiers: how features become class scores.
 *
 * @module
 */
import type { Classifier } from "./classifier.ts";
import { cosine, linear, ncm } from "./linear.ts";

export type { Classifier, ClassifierKit, ClassifierState, Scorer, TaskFeatures } from "./classifier.ts";

/** All policies by name. */
export const classifiers = { linear, cosine, ncm } as const satisfies Readonly<Record<string, Classifier>>;

/** Name of a policy. */
export type ClassifierName = keyof typeof classifiers;

/** Names of the policies. */
export const classifierNames = Object.keys(classifiers) as [ClassifierName, ...ClassifierName[]];
