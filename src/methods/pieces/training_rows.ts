/**
 * Linear rows that train from task to task beside a policy that scores with something else. Class means, ridges and
 * the like take no rows from training, so that the rows of earlier classes are of no use to a loss over them; methods
 * whose losses ask about earlier classes (replay) train these rows instead.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../../classifiers/classifier.ts";
import { linearLogits, rowsOf } from "../../classifiers/linear.ts";
import { prefixed, unprefixed } from "./tensors.ts";

const PREFIX = "head.training.";
const HEAD = "head.";

/** The rows of a state, under their own names; none if the policy keeps its own. */
export function trainingRows(state: ClassifierState): ClassifierState {
  return prefixed(unprefixed(state, PREFIX), HEAD);
}

/** The state without such rows. */
export function withoutTrainingRows(state: ClassifierState): ClassifierState {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith(PREFIX)));
}

/** The policy with rows of its own for training; as it is if it keeps those that trained. */
export function withTrainingRows(policy: Classifier): Classifier {
  if (policy.keepsRows) return policy;
  const renamed = (rows: ClassifierState) => prefixed(unprefixed(rows, HEAD), PREFIX);
  return {
    ...policy,
    keepsRows: true,
    init(classes, width, rng) {
      const state = policy.init(classes, width, rng);
      return { ...state, ...renamed(rowsOf(state)) };
    },
    trains: (state) => renamed(rowsOf(trainingRows(state))),
    logits: (feature, trained) => linearLogits(feature, prefixed(unprefixed(trained, PREFIX), HEAD)),
    async finish(state, task, kit) {
      const rows = trainingRows(task.trained);
      const next = await policy.finish(withoutTrainingRows(state), { ...task, trained: rows }, kit);
      return { ...next, ...renamed(rows) };
    },
    scorer: (state) => policy.scorer(withoutTrainingRows(state)),
    bytes: (state, seen) => policy.bytes(withoutTrainingRows(state), seen),
  };
}
