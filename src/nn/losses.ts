/**
 * Losses of classifiers. Batches have a fixed size in a static program, so a short last batch is filled up and
 * the filling gets weight 0.
 *
 * @module
 */
import { add, crossEntropy, div, mul, oneHot, sub, sum } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";

function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return div(sum(mul(values, weights)), sum(weights));
}

/**
 * Weighted mean of the cross-entropy with the classes of mask 0 left out: Σ w ce / Σ w.
 *
 * @param logits [batch, classes]
 * @param labels i32 [batch]; each has mask 1, also those of weight 0
 * @param mask [classes], 1 or 0
 * @param weights [batch], not all 0
 * @returns []
 */
export function maskedLoss(logits: Tensor, labels: Tensor, mask: Tensor, weights: Tensor): Tensor {
  return weightedMean(crossEntropy(logits, labels, mask), weights);
}

/**
 * The same with smoothed labels (Szegedy et al., arXiv 1512.00567): the target is 1 - `smoothing` on the label
 * and `smoothing` spread evenly over the unmasked classes. Since ce = log Σ exp z - z_label, this is
 * ce + smoothing · (z_label - mean of the unmasked z).
 */
export function smoothedLoss(
  logits: Tensor,
  labels: Tensor,
  mask: Tensor,
  weights: Tensor,
  smoothing: number,
): Tensor {
  const plain = crossEntropy(logits, labels, mask);
  const own = sum(mul(logits, oneHot(labels, logits.shape[1]!)), { axes: [1] });
  const average = div(sum(mul(logits, mask), { axes: [1] }), sum(mask));
  return weightedMean(add(plain, mul(sub(own, average), smoothing)), weights);
}
