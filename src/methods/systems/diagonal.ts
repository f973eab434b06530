/**
 * Scores of a model for each task: a class is scored with the feature of its own task's model alone.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../../classifiers/classifier.ts";
import { add, mul } from "../../graph/functions.ts";
import { classMask } from "../adapter_method.ts";
import type { Kit, Pass, Predictor } from "../method.ts";
import { unit } from "../pieces/tensors.ts";

/**
 * @param passes The feature of each task's model
 * @param members The classes of each task
 */
export function diagonalPredictor(
  passes: readonly Pass[],
  members: readonly (readonly number[])[],
  state: ClassifierState,
  policy: Classifier,
  kit: Pick<Kit, "classes">,
): Predictor {
  const { fixed, scores, head } = policy.scorer(state);
  // Cosines compare across models; inner products with unit rows would prefer the model of longer features.
  const isCosine = head !== undefined && head.kind !== "linear";
  const masks = members.map((classes, task) => [`task ${task}`, classMask(classes, kit)] as const);
  return {
    passes,
    fixed: { ...fixed, ...Object.fromEntries(masks) },
    scores: (features, env) =>
      features.map((feature, task) =>
        mul(scores(isCosine ? unit(feature) : feature, env.fixed), env.fixed[`task ${task}`]!)
      ).reduce(add),
  };
}
