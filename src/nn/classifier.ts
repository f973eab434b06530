/**
 * The classifiers that files hold: rows and biases, and what their kind does with features at test. How classifiers
 * learn is the business of `src/classifiers`.
 *
 * @module
 */
import { hostTensor } from "../core/tensors.ts";
import { type LinearHead, unitRows } from "./heads.ts";

/** Kinds of linear classifiers: by inner products, or by cosines with trained rows or with class means. */
export const classifierKinds = ["linear", "cosine", "ncm"] as const;
/** Name of a kind. */
export type ClassifierKind = typeof classifierKinds[number];

/** Names of the tensors of a linear classifier. */
export const HEAD_WEIGHT = "head.weight";
export const HEAD_BIAS = "head.bias";

/** Temperature of the cosine classifier: logits are this times the cosine. */
export const COSINE_SCALE = 16;

/** A linear classifier and its kind. */
export interface KindOfHead extends LinearHead {
  /** How its rows and biases score. */
  readonly kind: ClassifierKind;
}

/** Rows of length 1 and no bias: the order of the logits is that of the cosines. */
export function unitHead({ weight, bias }: LinearHead): LinearHead {
  const rows = Float32Array.from(unitRows(weight.data, weight.shape[1]!));
  return { weight: hostTensor(weight.shape, rows), bias: hostTensor(bias.shape) };
}

/** The linear head whose logits are the scores of a classifier that was kept. */
export function scoringHead({ kind, weight, bias }: KindOfHead): LinearHead {
  return kind === "linear" ? { weight, bias } : unitHead({ weight, bias });
}
