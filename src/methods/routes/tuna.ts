/**
 * TUNA (Wang et al., arXiv 2508.08165): the adapter of one task and one for all of them decide together.
 *
 * 1. Each task trains an adapter of its own.
 * 2. The universal adapter is fused of all (EMR, Huang et al., arXiv 2405.17461): entry by entry, the sign of the mean
 *    and the largest magnitude among the entries of that sign.
 * 3. At test each task's adapter gives probabilities; that of least entropy is taken, and those of the universal
 *    adapter are added. After the first task its adapter is alone.
 *
 * Probabilities are those of the run's classifier over the classes seen so far; where it compares directions, as the
 * paper's does, of `scale` times the cosines. It is trained and finished with each task's own adapter.
 *
 * Readings. Factors of LoRA are fused entry by entry, as the paper fuses the matrices of its adapters; all tasks start
 * from the same A, so that entries correspond. The paper's alignment of the classifier with Gaussian samples belongs to
 * the run's policy here, and its orthogonality term, off in the released configuration, is left out.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { add, concat, mul, narrow, neg, softmax } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { mapPairs } from "../../merge/delta.ts";
import { absorbGain } from "../../merge/scale.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { classMask, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, Predictor } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";
import { best } from "../pieces/selection.ts";
import { independentStart, independentStartOption } from "../start.ts";
import { entropy, logitsOf } from "./probabilities.ts";
import { noAdapters, type TaskAdapters, trainAdapter, withAdapter } from "./task_adapters.ts";

/** Adapters and the classifier; the universal adapter is made of them when it is deployed. */
export type TunaState = { readonly tasks: TaskAdapters; readonly classifier: ClassifierState };

const options = z.strictObject({
  scale: z.number().gt(0).default(20).describe("Factor of cosines before they become probabilities"),
  universal: z.boolean().default(true).describe("Whether the universal adapter takes part"),
  start: independentStartOption,
});

type TunaOptions = z.infer<typeof options>;

/** Step 2 for one tensor of each adapter. A mean of zero counts as negative, as in the paper's code. */
export function fuse(tensors: readonly HostTensor[]): HostTensor {
  const { shape, data } = tensors[0]!;
  const fused = hostTensor(shape);
  for (let i = 0; i < data.length; i++) {
    const mean = tensors.reduce((total, { data }) => total + data[i]!, 0) / tensors.length;
    const sign = mean > 0 ? 1 : -1;
    fused.data[i] = sign * Math.max(0, ...tensors.map(({ data }) => sign * data[i]!));
  }
  return fused;
}

/** The universal adapter. */
export function universalAdapter(adapters: readonly Adapter[]): Adapter {
  const plain = adapters.map((adapter) => ({ ...adapter, importance: 1 }));
  return mapPairs(plain[0]!, (_, site) => ({
    a: fuse(plain.map(({ pairs }) => pairs[site]!.a)),
    b: fuse(plain.map(({ pairs }) => pairs[site]!.b)),
  }));
}

/** The probabilities [batch, n] of least entropy in each row, of some. */
export function surest(probabilities: readonly Tensor[]): Tensor {
  const choice = best(neg(concat(probabilities.map(entropy), 1)));
  return probabilities
    .map((own, index) => mul(own, narrow(choice, 1, index, 1)))
    .reduce((total, part) => add(total, part));
}

function predictor({ tasks, classifier }: TunaState, { scale, universal }: TunaOptions, kit: Kit): Predictor {
  const { adapters } = tasks;
  const scorer = kit.classifier.scorer(classifier);
  const fuses = universal && adapters.length > 1;
  return {
    passes: [...adapters, ...(fuses ? [universalAdapter(adapters)] : [])].map((adapter) =>
      featurePass(adapter)
    ),
    fixed: { ...scorer.fixed, seen: classMask(tasks.classes.flat(), kit) },
    scores(features, { fixed }) {
      const probabilities = features.map((feature) =>
        softmax(logitsOf(scorer, feature, fixed, fixed["seen"]!, scale))
      );
      const own = surest(probabilities.slice(0, adapters.length));
      return fuses ? add(own, probabilities.at(-1)!) : own;
    },
  };
}

/** TUNA. */
export const tuna: MethodDefinition = defineMethod({
  name: "tuna",
  summary: "The task's adapter that is surest of an image, together with one fused of all",
  source: "Wang et al., arXiv 2508.08165",
  family: "route",
  year: 2025,
  adapted: "LoRA for bottleneck adapters; the run's classifier for the paper's aligned one",
  keeps: "An adapter for each task",
  passes: "One for each task, and one more",
  grows: "One forward pass for each task",
  options,
  create: (options) => ({
    sees: "task" as const,
    init: (kit): TunaState => ({ tasks: noAdapters, classifier: kit.freshClassifier() }),
    async learn(state: TunaState, task, kit) {
      const training = { start: independentStart(kit, task.index, options.start) };
      const { adapter, values } = await trainAdapter(training, state.classifier, task, kit);
      // Features of earlier classes do not move: their adapters stay.
      const after = featurePass(adapter);
      const classifier = await finishClassifier(kit, task, state.classifier, values, after, after);
      return { tasks: withAdapter(state.tasks, absorbGain(adapter), task), classifier };
    },
    deploy: (state: TunaState, kit) => predictor(state, options, kit),
    classifierOf: ({ tasks, classifier }: TunaState, kit) => ({
      classifier,
      policy: kit.classifier,
      rest: tasks,
    }),
  }),
});
