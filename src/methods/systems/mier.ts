/**
 * MIER (Mendonca et al., arXiv 2006.07178): a model is meta-learnt so that a few steps on a small context fit it to a
 * task, and the adapted model labels stored inputs again for what learns next.
 *
 * 1. The adapter's update is B diag(1 + W c) A with a context c that starts at zero on every task. W starts at random.
 * 2. Inner steps: c ← c - α clip(∂L/∂c) on the first half of a batch, from c = 0.
 * 3. Outer step: A, B, W and the classifier train on the loss of the whole batch under the adapted c, through the inner
 *    steps.
 * 4. After training, the task's context is found by the inner step on all its images, `adaptSteps` times, and kept with
 *    the mean frozen feature of its images.
 * 5. Relabelling: a share of the loss is on stored images of earlier tasks. Before the task, the model as it stands,
 *    in the context of their task, gives them soft labels over the classes seen; the new model keeps to these.
 * 6. At test an image takes the context of the task whose mean frozen feature it is nearest to.
 *
 * There the model is of dynamics, the context adapts it to new ones, and a policy learns from relabelled transitions.
 * Published: the context's start at zero, inner steps with a clipped gradient, ten at test, relabelling with the adapted
 * model. Ours: what the context scales, one inner step, who is relabelled, nearest means where a new task is sampled.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { gradients } from "../../graph/autodiff.ts";
import {
  add,
  broadcast,
  crossEntropy,
  div,
  equal,
  matmul,
  max,
  mul,
  narrow,
  sum,
  where,
} from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { featureWidth } from "../../nn/config.ts";
import { classMeans } from "../../nn/heads.ts";
import { loraSites, parseFactor } from "../../nn/sites.ts";
import { imageTable, type Table } from "../../train/table.ts";
import { classMask, featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Env, Kit, Method, Named, Pass, TaskView } from "../method.ts";
import { bufferTable, emptyBuffer, type ImageBuffer, offer } from "../pieces/buffer.ts";
import { classifiedPredictor, finishClassifier } from "../pieces/classified.ts";
import { distillation, maskOf, taskLoss } from "../pieces/losses.ts";
import { factorsOf, noise, unit } from "../pieces/tensors.ts";
import { firstStart } from "../start.ts";
import { CLIP, contextBranches, innerStep } from "./context.ts";

/**
 * Factors and W by site; contexts [places, size] and mean frozen features [places, width] of tasks, zero before. There are
 * as many places as classes, and twice as many again where there are more tasks.
 */
export type MierState = {
  readonly factors: NamedTensors;
  readonly contexts: HostTensor;
  readonly keys: HostTensor;
  readonly seen: readonly number[];
  readonly tasks: number;
  readonly buffer: ImageBuffer;
  readonly classifier: ClassifierState;
};

const options = z.strictObject({
  context: z.int().min(1).default(5).describe("Numbers of a context"),
  innerSteps: z.int().min(0).max(5).default(1)
    .describe("Steps on the context in training (published: 2); each costs two gradients"),
  innerRate: z.number().gt(0).default(1)
    .describe("Rate α of a step on the context; at the published 0.01 contexts stay at zero here"),
  adaptSteps: z.int().min(0).default(10).describe("Steps on the context after training, each on all images"),
  buffer: z.int().min(0).default(200).describe("Images stored of all earlier tasks"),
  relabelled: z.number().min(0).max(1).default(0.5).describe(
    "Share of the loss that is on relabelled images",
  ),
});
type Options = z.infer<typeof options>;

/** MIER. */
export const mier: MethodDefinition = defineMethod({
  name: "mier",
  summary:
    "A small context, fitted by inner steps, scales the adapter; stored images are relabelled and kept to",
  source: "Mendonca et al., arXiv 2006.07178; code russellmendonca/mier_public",
  family: "system",
  year: 2020,
  adapted:
    "From reinforcement learning: the context scales an adapter, relabelling is distillation on stored images",
  keeps: "The adapter with its context weights, a context and a mean feature of each task, stored images",
  buffer: "Images of earlier tasks, without their labels",
  options,
  create: (options): Omit<Method<MierState>, "name" | "options"> => ({
    sees: "task",
    init(kit) {
      const sites = loraSites(kit.config, kit.lora.targets);
      const weights = sites.map(({ name }) =>
        [`context.${name}`, noise(kit, [options.context, kit.lora.rank], `context ${name}`, 1)] as const
      );
      return {
        factors: { ...factorsOf(firstStart(kit)), ...Object.fromEntries(weights) },
        contexts: hostTensor([kit.classes, options.context]),
        keys: hostTensor([kit.classes, featureWidth(kit.config)]),
        seen: [],
        tasks: 0,
        buffer: emptyBuffer,
        classifier: kit.freshClassifier(),
      };
    },
    learn: (state, task, kit) => learn(state, task, kit, options),
    deploy: (state, kit) => classifiedPredictor(routedPass(state, kit), state.classifier, kit.classifier),
    classifierOf: ({ classifier, ...rest }, kit) => ({ classifier, policy: kit.classifier, rest }),
    facts: ({ contexts, tasks, buffer }) => ({
      contexts: Array.from({ length: tasks }, (_, i) => {
        const size = contexts.shape[1]!;
        return [...contexts.data.subarray(i * size, (i + 1) * size)];
      }),
      stored: buffer.labels.length,
    }),
  }),
});

function logitsOf(images: Tensor, tensors: Named, context: Tensor, env: Env, kit: Kit): Tensor {
  const rows = broadcast(context, [images.shape[0]!, context.shape[1]!]);
  const { feature } = env.encode(images, { branches: contextBranches(tensors, rows, kit) });
  return kit.classifier.logits(feature, tensors);
}

/** The context after inner steps on the first half of the batch. */
function adapted(tensors: Named, env: Env, kit: Kit, { innerSteps, innerRate }: Options): Tensor {
  const { images, labels, weights } = env.rows();
  const half = Math.max(1, Math.floor(images.shape[0]! / 2));
  const [some, theirs, counted] = [images, labels, weights].map((column) => narrow(column, 0, 0, half));
  let context = env.fixed["start"]!;
  for (let step = 0; step < innerSteps; step++) {
    const losses = crossEntropy(logitsOf(some!, tensors, context, env, kit), theirs!, env.fixed["mask"]!);
    const [slope] = gradients(div(sum(mul(losses, counted!)), sum(counted!)), [context]);
    context = innerStep(context, slope!, innerRate);
  }
  return context;
}

/** Stored images with the soft labels and contexts of their time. */
async function relabel(state: MierState, task: TaskView, kit: Kit, size: number): Promise<Table> {
  // On the first task there is nothing to relabel; the program is the same, and the term counts nothing.
  const { images, count }: Table = state.buffer.labels.length > 0
    ? bufferTable(state.buffer)
    : imageTable(task.train);
  const width = state.contexts.shape[1]!;
  const times = state.buffer.columns["task"]?.data ?? new Float32Array(count);
  // As many rows as the buffer will have, so that a pass over them is one program from the start.
  const at = Int32Array.from({ length: Math.max(size, count) }, (_, i) => i % count);
  const context = hostTensor([at.length, width]);
  at.forEach((row, i) => {
    context.data.set(state.contexts.data.subarray(times[row]! * width, (times[row]! + 1) * width), i * width);
  });
  const soft = await kit.map({
    fixed: { ...state.factors, ...kit.classifier.trains(state.classifier) },
    output: (env) => logitsOf(env.rows().images, env.fixed, env.rows()["context"]!, env, kit),
  }, { count: at.length, images: images!, at, columns: { context } });
  const first = (tensor: HostTensor) =>
    hostTensor([count, tensor.shape[1]!], tensor.data.slice(0, count * tensor.shape[1]!));
  return { count, images: images!, columns: { context: first(context), soft: first(soft) } };
}

async function learn(state: MierState, task: TaskView, kit: Kit, options: Options): Promise<MierState> {
  const known = kit.classifier.trains(state.classifier);
  const share = state.tasks > 0 && state.buffer.labels.length > 0 ? options.relabelled : 0;
  const number = (value: number) => hostTensor([], Float32Array.of(value));
  const start = hostTensor([1, options.context]);
  const images = imageTable(task.train);
  const { values } = await kit.fit({
    start: { ...state.factors, ...known },
    fixed: {
      ...maskOf(task, kit),
      start,
      seen: classMask(state.seen.length > 0 ? state.seen : task.classes, kit),
      real: number(1 - share),
      share: number(share),
    },
    tables: { main: images, stored: await relabel(state, task, kit, options.buffer) },
    decays: (name) => parseFactor(name) !== undefined,
    loss(trained, env) {
      const context = adapted(trained, env, kit, options);
      const own = taskLoss(logitsOf(env.rows().images, trained, context, env, kit), env);
      const stored = env.rows("stored");
      const again = logitsOf(stored.images, trained, stored["context"]!, env, kit);
      const kept = distillation(again, stored["soft"]!, env.fixed["seen"]!, stored.weights, 1);
      return add(mul(own, env.fixed["real"]!), mul(kept, env.fixed["share"]!));
    },
  });
  const factors = Object.fromEntries(Object.keys(state.factors).map((name) => [name, values[name]!]));
  let context = start;
  for (let step = 0; step < options.adaptSteps; step++) {
    context = await adaptOnce(context, values, task, kit, options);
  }
  const frozen = await kit.map(featurePass(undefined), images);
  const { means } = classMeans(frozen.data, new Int32Array(task.train.count), 1);
  const next = {
    ...state,
    factors,
    contexts: withRow(state.contexts, state.tasks, context.data),
    keys: withRow(state.keys, state.tasks, means),
    tasks: state.tasks + 1,
    seen: [...new Set([...state.seen, ...task.classes])],
    buffer: stored(state, task, kit, options),
  };
  const [after, before] = [routedPass(next, kit), () => routedPass(state, kit)];
  const classifier = await finishClassifier(kit, task, state.classifier, values, after, before);
  return { ...next, classifier };
}

/** One inner step on all images of a task. */
async function adaptOnce(
  context: HostTensor,
  values: NamedTensors,
  task: TaskView,
  kit: Kit,
  { innerRate }: Options,
): Promise<HostTensor> {
  const { slope } = await kit.sum({
    fixed: { ...values, ...maskOf(task, kit), context },
    terms(env) {
      const { images, labels, weights } = env.rows();
      const at = env.fixed["context"]!;
      const losses = crossEntropy(logitsOf(images, env.fixed, at, env, kit), labels, env.fixed["mask"]!);
      return { slope: gradients(sum(mul(losses, weights)), [at])[0]! };
    },
  }, imageTable(task.train));
  const mean = slope!.data.map((value) => value / task.train.count);
  const factor = CLIP / Math.max(CLIP, Math.hypot(...mean));
  return hostTensor(context.shape, context.data.map((value, i) => value - innerRate * factor * mean[i]!));
}

function withRow(
  { shape, data }: HostTensor,
  row: number,
  values: ArrayLike<number>,
): HostTensor {
  const [places, width] = shape as [number, number];
  const next = hostTensor([row < places ? places : 2 * places, width]);
  next.data.set(data);
  next.data.set(Float32Array.from(values), row * width);
  return next;
}

function stored(
  { buffer, tasks }: MierState,
  { train, index }: TaskView,
  kit: Kit,
  options: Options,
): ImageBuffer {
  const task = hostTensor([train.count, 1], new Float32Array(train.count).fill(tasks));
  return offer(buffer, train, options.buffer, kit.rng(`buffer ${index}`), { task });
}

/** The feature of an image in the context of the nearest task. */
function routedPass({ factors, contexts, keys, tasks }: MierState, kit: Kit): Pass {
  const there = hostTensor([1, keys.shape[0]!]);
  there.data.fill(1, 0, tasks);
  return {
    fixed: { ...factors, contexts, keys, there },
    output(env) {
      const { images } = env.rows();
      const alike = matmul(unit(env.encode(images).feature), unit(env.fixed["keys"]!), { transposeB: true });
      const known = where(broadcast(env.fixed["there"]!, alike.shape), alike, -2);
      const nearest = equal(known, max(known, { axes: [1], keepDims: true }));
      const chosen = div(
        matmul(nearest, env.fixed["contexts"]!),
        sum(nearest, { axes: [1], keepDims: true }),
      );
      return env.encode(images, { branches: contextBranches(env.fixed, chosen, kit) }).feature;
    },
  };
}
