/**
 * Probabilities of a run's classifier, for methods that compare how sure a model is under one adapter or another.
 *
 * @module
 */
import type { Scorer } from "../../classifiers/classifier.ts";
import { add, log, mul, neg, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Named } from "../method.ts";
import { among } from "../pieces/selection.ts";
import { unit } from "../pieces/tensors.ts";

/**
 * Logits [batch, classes] of features [batch, width], far below all others for classes of mask 0. Where the classifier
 * compares directions they are cosines times a scale, so that the length of a feature does not make it sure.
 */
export function logitsOf(scorer: Scorer, feature: Tensor, fixed: Named, seen: Tensor, scale: number): Tensor {
  const { head } = scorer;
  const compares = head !== undefined && head.kind !== "linear";
  const scores = compares ? mul(scorer.scores(unit(feature), fixed), scale) : scorer.scores(feature, fixed);
  return among(scores, seen);
}

/** -Σ p log p of each row of probabilities [batch, classes]: [batch, 1]. */
export function entropy(probabilities: Tensor): Tensor {
  const terms = mul(probabilities, log(add(probabilities, 1e-10)));
  return neg(sum(terms, { axes: [1], keepDims: true }));
}
