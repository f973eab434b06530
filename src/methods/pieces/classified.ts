/**
 * The run's classifier in methods whose model is not one folded adapter: what they need to train it along, to let it
 * learn when a task's training is over, and to score with it.
 *
 * @module
 */
import type { Classifier, ClassifierState, MovedFeatures } from "../../classifiers/classifier.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import type { Split } from "../../data/dataset.ts";
import { imageTable } from "../../train/table.ts";
import type { Kit, Pass, Predictor, TaskView } from "../method.ts";

/**
 * The classifier's state after a task's training.
 *
 * @param state Before the task
 * @param trained Values of the training; those of the classifier are picked by name
 * @param after Feature [batch, width] of the model that is deployed now
 * @param before The same of the model deployed before the task; not asked for on the first task
 * @param evidence Images that tell how features moved, in place of the task's own
 */
export function finishClassifier(
  kit: Kit,
  task: TaskView,
  state: ClassifierState,
  trained: NamedTensors,
  after: Pass,
  before: Pass | (() => Pass | Promise<Pass>),
  policy: Classifier = kit.classifier,
  evidence?: Split,
): Promise<ClassifierState> {
  const names = Object.keys(policy.trains(state));
  const seenBy = (images: Split): MovedFeatures => ({
    features: () => kit.map(after, imageTable(images)),
    earlier: async () =>
      await kit.map(typeof before === "function" ? await before() : before, imageTable(images)),
  });
  return policy.finish(state, {
    index: task.index,
    classes: task.classes,
    labels: task.train.labels,
    trained: Object.fromEntries(names.map((name) => [name, trained[name]!])),
    ...seenBy(task.train),
    ...(evidence && { evidence: seenBy(evidence) }),
  }, kit);
}

/** A model of one feature under the classifier. */
export function classifiedPredictor(
  feature: Pass,
  state: ClassifierState,
  policy: Classifier,
): Predictor {
  const { fixed, scores } = policy.scorer(state);
  return { passes: [feature], fixed, scores: ([value], env) => scores(value!, env.fixed) };
}
