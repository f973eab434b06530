/**
 * The plainest routed model, as a floor for those that are cleverer: an adapter for each task, and the frozen backbone
 * says which.
 *
 * 1. Each task trains an adapter of its own.
 * 2. At test the class mean of largest cosine with the image's frozen feature says the task.
 * 3. That task's adapter gives the feature that the classifier scores. The classes of the task come before all
 *    others, whatever their scores (`restrict`), or compete with them.
 *
 * With the frozen feature's task as certain as here, step 1 can only choose within a task: where tasks are hard to tell
 * and easy to solve, no router of this kind gains by its adapters.
 *
 * @module
 */
import { z } from "zod";
import { add, concat, matmul, mul, narrow } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { classMask } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named, Predictor } from "../method.ts";
import { among, best } from "../pieces/selection.ts";
import { unit } from "../pieces/tensors.ts";
import { independentStart, independentStartOption } from "../start.ts";
import {
  type FoundByMeans,
  gatedBranch,
  learnFoundByMeans,
  noAdapters,
  stackOf,
  taskOfClass,
} from "./task_adapters.ts";

/** Adapters, class means of frozen features [classes, width], and the classifier. */
export type RoutedState = FoundByMeans;

/** Lifts the classes of the chosen task above all others, without losing the digits of their scores. */
const LIFT = 1000;

/**
 * The task of each query [batch, width] as a choice [batch, slots].
 *
 * @param means [classes, width]
 * @param seen [classes]
 * @param tasks [classes, slots]
 */
export function nearestTask(query: Tensor, { means, seen, tasks }: Named): Tensor {
  const cosines = matmul(unit(query), unit(means!), { transposeB: true });
  return matmul(best(among(cosines, seen!)), tasks!);
}

const options = z.strictObject({
  start: independentStartOption,
  restrict: z.boolean().default(true)
    .describe("Whether the classes of the task that was found come before all others"),
});

function predictor(
  { tasks, means, classifier }: RoutedState,
  restrict: boolean,
  kit: Kit,
): Predictor {
  const { slots, fixed } = stackOf(tasks.adapters, kit);
  const table = taskOfClass(tasks, slots, kit);
  const seen = classMask(tasks.classes.flat(), kit);
  const scorer = kit.classifier.scorer(classifier);
  const width = featureWidth(kit.config);
  return {
    passes: [{
      fixed: { ...fixed, means: means!, seen, tasks: table },
      output(env) {
        const { images } = env.rows();
        const choice = nearestTask(env.encode(images).feature, env.fixed);
        const { feature } = env.encode(images, { branches: [gatedBranch(choice, env.fixed, kit)] });
        return concat([feature, choice], 1);
      },
    }],
    fixed: { ...scorer.fixed, tasks: table },
    scores([output], env) {
      const scores = scorer.scores(narrow(output!, 1, 0, width), env.fixed);
      if (!restrict) return scores;
      const own = matmul(narrow(output!, 1, width, slots), env.fixed["tasks"]!, { transposeB: true });
      return add(scores, mul(own, LIFT));
    },
  };
}

/** An adapter for each task, found by the nearest class mean. */
export const routed: MethodDefinition = defineMethod({
  name: "routed",
  summary: "An adapter for each task; the nearest class mean of frozen features says which task it is",
  source: "Floor of routed methods; no paper's",
  family: "route",
  needsNewClasses: "A class belongs to one task, and so tells which adapter an image takes",
  keeps: "An adapter for each task, and class means of frozen features",
  passes: "Two: the frozen one and the routed one",
  grows: "Adapters side by side in one pass: places for them double when they are used up",
  options,
  create: ({ start, restrict }) => ({
    sees: "task" as const,
    init: (kit): RoutedState => ({ tasks: noAdapters, means: null, classifier: kit.freshClassifier() }),
    learn: (state: RoutedState, task, kit) =>
      learnFoundByMeans(state, { start: independentStart(kit, task.index, start) }, task, kit),
    deploy: (state: RoutedState, kit) => predictor(state, restrict, kit),
    classifierOf: ({ classifier, ...rest }: RoutedState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest,
    }),
  }),
});
