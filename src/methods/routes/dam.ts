/**
 * Dynamic Adapter Merging, DAM (Cheng et al., arXiv 2403.08755): no adapter has to be right alone, because each image
 * merges its own.
 *
 * 1. Each task trains an adapter, from where the last task's ended.
 * 2. The router has no parameters: the centroid of each task's frozen features.
 * 3. At test an image's weights are softmax(cos(feature, centroid) / τ) over the k tasks of largest cosine, 0 for all
 *    others.
 * 4. One forward pass with the adapter merged by those weights, Σ_i w_i ΔW_i.
 *
 * Readings. The paper's adapters have a non-linearity between two matrices, and each matrix is merged by itself; of
 * LoRA the product is merged, which has no terms of one task's A with another's B. The paper's tasks are data sets of
 * their own domains; classes of one data set are much harder to tell by centroids of tasks.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { hostTensor } from "../../core/tensors.ts";
import { add, div, matmul, mul, softmax } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Named, Pass } from "../method.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { among, bestOnes } from "../pieces/selection.ts";
import { unit } from "../pieces/tensors.ts";
import { independentStart } from "../start.ts";
import { gatedBranch, meanRow, noAdapters, stackOf, type TaskAdapters } from "./task_adapters.ts";
import { trainAdapter, withAdapter } from "./task_adapters.ts";

/** Adapters, the centroid [width] of each task, and the classifier. */
export type DamState = {
  readonly tasks: TaskAdapters;
  readonly centroids: readonly Float32Array[];
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  top: z.int().min(1).default(2).describe("Adapters that an image merges (k)"),
  temperature: z.number().gt(0).default(0.01).describe("Temperature of the weights (τ)"),
  start: z.enum(["previous", "shared", "fresh"]).default("previous")
    .describe(
      "Start of a task's adapter: the last task's, one random A for all tasks, or a random A for each",
    ),
});

type DamOptions = z.infer<typeof options>;

/**
 * The weights of adapters for each query [batch, width]: [batch, slots].
 *
 * @param centroids [slots, width]
 * @param open [slots]
 */
export function mergingWeights(
  query: Tensor,
  { centroids, open }: Named,
  { top, temperature }: Pick<DamOptions, "top" | "temperature">,
): Tensor {
  const cosines = matmul(unit(query), unit(centroids!), { transposeB: true });
  const choices = bestOnes(among(cosines, open!), top);
  // Where fewer tasks are open than are to be chosen, the others have no weight.
  const chosen = mul(choices.reduce((sum, choice) => add(sum, choice)), open!);
  return softmax(among(div(cosines, temperature), chosen));
}

function mergedPass({ tasks, centroids }: DamState, options: DamOptions, kit: Kit): Pass {
  const { slots, fixed } = stackOf(tasks.adapters, kit);
  const width = featureWidth(kit.config);
  const table = hostTensor([slots, width]);
  const open = hostTensor([slots]);
  centroids.forEach((centroid, task) => {
    table.data.set(centroid, task * width);
    open.data[task] = 1;
  });
  return {
    fixed: { ...fixed, centroids: table, open },
    output(env) {
      const { images } = env.rows();
      const weights = mergingWeights(env.encode(images).feature, env.fixed, options);
      return env.encode(images, { branches: [gatedBranch(weights, env.fixed, kit)] }).feature;
    },
  };
}

/** DAM. */
export const dam: MethodDefinition = defineMethod({
  name: "dam",
  summary: "Each image merges the adapters of the tasks whose centroids its frozen feature is nearest to",
  source: "Cheng et al., arXiv 2403.08755",
  family: "route",
  year: 2024,
  adapted: "LoRA updates are merged as products; tasks are classes of one data set, not domains",
  keeps: "An adapter and a centroid for each task",
  passes: "Two: the frozen one and the routed one",
  grows: "Adapters side by side in one pass: places for them double when they are used up",
  options,
  create: (options) => ({
    sees: "task" as const,
    init: (kit): DamState => ({ tasks: noAdapters, centroids: [], classifier: kit.freshClassifier() }),
    async learn(state: DamState, task, kit) {
      const last = state.tasks.adapters.at(-1);
      const start = options.start === "previous"
        ? last ?? independentStart(kit, task.index, "shared")
        : independentStart(kit, task.index, options.start);
      const { adapter, values } = await trainAdapter({ start }, state.classifier, task, kit);
      const bare = await kit.map(featurePass(undefined), imageTable(task.train));
      const next = {
        tasks: withAdapter(state.tasks, adapter, task),
        centroids: [...state.centroids, meanRow(bare)],
        classifier: state.classifier,
      };
      const classifier = await finishClassifier(
        kit,
        task,
        state.classifier,
        values,
        mergedPass(next, options, kit),
        () => mergedPass(state, options, kit),
      );
      return { ...next, classifier };
    },
    deploy: (state: DamState, kit) =>
      classifiedPredictor(mergedPass(state, options, kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }: DamState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest,
    }),
  }),
});
