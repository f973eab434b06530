/**
 * Ridge regression of features as they are: what `ridge` of `src/classifiers` is without random features.
 *
 * @module
 */
import { Matrix } from "ml-matrix";
import type { Classifier } from "../../classifiers/classifier.ts";
import { linearScorer } from "../../classifiers/linear.ts";
import { choosePenalty, leastPenalty, solveRidge } from "../../classifiers/ridge.ts";
import { hostTensor } from "../../core/tensors.ts";
import { matrixOf, tensorOf } from "../pieces/linear_algebra.ts";

const GRAM = "head.gram";
const SUMS = "head.sums";
const ROWS = "head.rows";

/** One-hot targets [count, classes]. */
function targets(labels: ArrayLike<number>, classes: number): Matrix {
  const result = Matrix.zeros(labels.length, classes);
  for (let row = 0; row < labels.length; row++) result.set(row, labels[row]!, 1);
  return result;
}

/** The policy. The penalty is chosen anew on each task. Nothing of it trains. */
export const plainRidge: Classifier = {
  kind: "plain-ridge",
  init: (classes, width) => ({
    [GRAM]: hostTensor([width, width]),
    [SUMS]: hostTensor([width, classes]),
    [ROWS]: hostTensor([classes, width]),
  }),
  trains: () => ({}),
  logits() {
    throw new TypeError("Cannot train with a ridge regression: there are no rows that train");
  },
  async finish(state, { labels, features }, kit) {
    const x = matrixOf(await features());
    const y = targets(labels, kit.classes);
    const gram = matrixOf(state[GRAM]!).add(x.transpose().mmul(x));
    const sums = matrixOf(state[SUMS]!).add(x.transpose().mmul(y));
    const solution = solveRidge(gram, sums, Math.max(choosePenalty(x, y), leastPenalty(gram)));
    return { [GRAM]: tensorOf(gram), [SUMS]: tensorOf(sums), [ROWS]: tensorOf(solution.transpose()) };
  },
  scorer: (state) =>
    linearScorer({ kind: "linear", weight: state[ROWS]!, bias: hostTensor([state[ROWS]!.shape[0]!]) }),
  bytes(state, seen) {
    const width = state[GRAM]!.shape[0]!;
    return 4 * width * (width + 2 * seen);
  },
};
