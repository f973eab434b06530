/**
 * iCaRL (Rebuffi et al., arXiv 1611.07725): exemplars chosen by herding, distillation, and classification by the
 * nearest mean of exemplars.
 *
 * 1. Train on the new images and all exemplars together, with the cross-entropy over all classes seen, plus κ times a
 *    distillation over the earlier classes: the old model's softened answers to the same images, taken once before.
 * 2. Shorten the exemplar list of each earlier class to its first ⌊size / classes⌋.
 * 3. Choose as many for each new class by herding on unit features of the new model; for one that comes back among its
 *    exemplars and its new images.
 * 4. A class's mean is that of the unit features of its exemplars under the new model, scaled to length 1. Classify by
 *    the largest cosine, which on unit features is the nearest mean.
 *
 * The paper's losses are sigmoid cross-entropies. With softmax, and distillation at a temperature, it is the form of
 * later code bases (PyCIL, LAMDA-PILOT), which suits heads that start small; that is what step 1 says. Steps 2 to 4
 * are the paper's. A class keeps at least one exemplar, even if there are more classes than `size`. The classifier is
 * the method's own: the run's is not used.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { headOf, linear, linearLogits, ncm, rowsOf, withMeans } from "../../classifiers/linear.ts";
import type { HostTensor } from "../../core/tensors.ts";
import type { Split } from "../../data/dataset.ts";
import { mul } from "../../graph/functions.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { classMeans, unitRows } from "../../nn/heads.ts";
import { imageTable } from "../../train/table.ts";
import { adapterFit, classMask, type ExtraLoss, featurePass, mergedPredictor } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { distillation } from "../pieces/losses.ts";
import { firstStart } from "../start.ts";
import { sizeOption } from "./er.ts";
import { herd, joinImages, pickImages, rowsByClass } from "./herding.ts";

/** The model with the rows that it trains with, the exemplars class by class in their order, and their means. */
export type IcarlState = {
  readonly adapter: Adapter | null;
  readonly head: ClassifierState;
  readonly exemplars: { readonly images: Uint8Array; readonly labels: Int32Array; readonly count: number };
  readonly means: ClassifierState;
  readonly seen: readonly number[];
};

/** Step 1's term: κ times the distillation over the earlier classes. */
export function remembering(
  teacher: HostTensor,
  earlier: readonly number[],
  { kappa, temperature }: { readonly kappa: number; readonly temperature: number },
  kit: Pick<Kit, "classes">,
): ExtraLoss {
  return {
    tensors: { earlier: classMask(earlier, kit) },
    columns: { teacher },
    build({ env, logits, tensors }) {
      const { teacher, weights } = env.rows();
      return mul(distillation(logits, teacher!, tensors["earlier"]!, weights, temperature), kappa);
    },
  };
}

function teach({ adapter, head }: IcarlState, images: Split, kit: Kit): Promise<HostTensor> {
  const { output, ...pass } = featurePass(adapter!);
  return kit.map({
    ...pass,
    fixed: rowsOf(head),
    output: (env) => linearLogits(output(env), env.fixed),
  }, imageTable(images));
}

async function train(
  state: IcarlState,
  task: TaskView,
  kit: Kit,
  options: Parameters<typeof remembering>[2],
): Promise<{ readonly adapter: Adapter; readonly head: ClassifierState }> {
  const images = joinImages(task.train, state.exemplars);
  const teacher = state.adapter && await teach(state, images, kit);
  const start = state.adapter ?? firstStart(kit);
  const { values } = await kit.fit(adapterFit(
    { start, ...(teacher && { extraLoss: remembering(teacher, state.seen, options, kit) }) },
    state.head,
    linear,
    { lossClasses: [...state.seen, ...task.classes], train: images },
    kit,
  ));
  return { adapter: adapterFromTensors(values, start.scale), head: rowsOf(values) };
}

/** Steps 2 and 3. */
export async function chooseExemplars(
  { exemplars, seen }: Pick<IcarlState, "exemplars" | "seen">,
  task: TaskView,
  size: number,
  featuresOf: (images: Split) => Promise<HostTensor>,
): Promise<Split> {
  const others = seen.filter((label) => !task.classes.includes(label));
  const each = Math.max(1, Math.floor(size / (others.length + task.classes.length)));
  const kept = [...rowsByClass(exemplars.labels, others).values()].flatMap((rows) => rows.slice(0, each));
  const again = [...rowsByClass(exemplars.labels, task.classes).values()].flat();
  const candidates = again.length > 0 ? joinImages(pickImages(exemplars, again), task.train) : task.train;
  const { shape, data } = await featuresOf(candidates);
  const width = shape[1]!;
  const chosen = [...rowsByClass(candidates.labels, task.classes).values()].flatMap((rows) => {
    const own = Float32Array.from(
      { length: rows.length * width },
      (_, i) => data[rows[Math.floor(i / width)]! * width + i % width]!,
    );
    return herd(own, width, each).map((i) => rows[i]!);
  });
  return joinImages(pickImages(exemplars, kept), pickImages(candidates, chosen));
}

/** Step 4. */
export function exemplarMeans(
  state: ClassifierState,
  features: HostTensor,
  labels: Int32Array,
): ClassifierState {
  const width = features.shape[1]!;
  const classes = headOf(state).bias.data.length;
  const { means } = classMeans(unitRows(features.data, width), labels, classes);
  return withMeans(state, [...new Set(labels)], unitRows(means, width));
}

/** iCaRL. */
export const icarl: MethodDefinition = defineMethod({
  name: "icarl",
  summary: "Herded exemplars, distillation, and the nearest mean of exemplars",
  source: "Rebuffi et al., arXiv 1611.07725",
  family: "replay",
  year: 2017,
  adapted: "Around one adapter, with softmax losses in place of sigmoids",
  keeps: "The adapter, the rows that it trained with, and the exemplars",
  buffer: "Images with their labels, a byte a pixel",
  options: z.strictObject({
    size: sizeOption,
    kappa: z.number().min(0).default(1).describe("Weight κ of the distillation"),
    temperature: z.number().gt(0).default(2).describe("Temperature of the distillation"),
  }),
  create: ({ size, ...options }) => ({
    sees: "task",
    init: (kit): IcarlState => ({
      adapter: null,
      head: kit.freshClassifier(linear),
      exemplars: { images: new Uint8Array(), labels: new Int32Array(), count: 0 },
      means: kit.freshClassifier(ncm),
      seen: [],
    }),
    async learn(state: IcarlState, task, kit): Promise<IcarlState> {
      const { adapter, head } = await train(state, task, kit, options);
      kit.trained(adapter);
      const featuresOf = (images: Split) => kit.map(featurePass(adapter), imageTable(images));
      const exemplars = await chooseExemplars(state, task, size, featuresOf);
      const means = exemplarMeans(state.means, await featuresOf(exemplars), exemplars.labels);
      return { adapter, head, exemplars, means, seen: [...new Set([...state.seen, ...task.classes])] };
    },
    deploy: ({ adapter, means }: IcarlState) => mergedPredictor(adapter ?? undefined, means, ncm),
    classifierOf: ({ means, ...rest }: IcarlState) => ({ classifier: means, policy: ncm, rest }),
    facts: ({ exemplars }: IcarlState) => ({ stored: exemplars.count }),
  }),
});
