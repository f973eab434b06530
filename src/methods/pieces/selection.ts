/**
 * Choices as tensors: which of some candidates score best for a row. A choice is a row of ones and zeros, so that what
 * was chosen is a product with it; of equal scores the first wins, whatever the backend.
 *
 * @module
 */
import { broadcast, equal, matmul, max, mul, reshape, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";

/** Below every score. */
const NEVER = -1e30;

/** Scores [rows, n], those of a mask [n] that is 0 below all others. */
export function among(scores: Tensor, mask: Tensor): Tensor {
  return where(broadcast(mask, scores.shape), scores, NEVER);
}

/** For each row of scores [rows, n]: 1 at the first of the largest, 0 elsewhere. */
export function best(scores: Tensor): Tensor {
  const count = scores.shape[1]!;
  const largest = equal(scores, max(scores, { axes: [1], keepDims: true }));
  const order = scores.graph.make("constant", {
    data: Float64Array.from({ length: count }, (_, i) => count - i),
    shape: [count],
    dtype: "f32",
  }, []);
  const placed = mul(largest, broadcast(order, scores.shape));
  return equal(placed, max(placed, { axes: [1], keepDims: true }));
}

/** The `count` best of each row, best first, one choice each; all if there are not so many. */
export function bestOnes(scores: Tensor, count: number): Tensor[] {
  const choices: Tensor[] = [];
  let left = scores;
  while (choices.length < Math.min(count, scores.shape[1]!)) {
    const choice = best(left);
    choices.push(choice);
    left = where(choice, 2 * NEVER, left);
  }
  return choices;
}

/** Weights [rows, n] times a table [n, ...rest]: [rows, ...rest]. */
export function mix(weights: Tensor, table: Tensor): Tensor {
  const [count, ...rest] = table.shape as [number, ...number[]];
  const size = rest.reduce((a, b) => a * b, 1);
  return reshape(matmul(weights, reshape(table, [count, size])), [weights.shape[0]!, ...rest]);
}
