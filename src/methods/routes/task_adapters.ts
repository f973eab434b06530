/**
 * What methods share that keep an adapter for each task: training one, all of them in one forward pass with weights
 * for each image, and class means of features by which images find a task.
 *
 * @module
 */
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { broadcast, reshape } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { type Adapter, adapterFromTensors } from "../../nn/adapter.ts";
import { classMeans } from "../../nn/heads.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import { imageTable } from "../../train/table.ts";
import { adapterFit, featurePass } from "../adapter_method.ts";
import { frozenStack, GAINS, stackBranch } from "../frozen_branches.ts";
import type { Kit, Named, TaskView } from "../method.ts";
import { finishClassifier } from "../pieces/classified.ts";

/** Adapters, and the classes of their tasks. */
export type TaskAdapters = {
  readonly adapters: readonly Adapter[];
  readonly classes: readonly (readonly number[])[];
};

/** Before the first task. */
export const noAdapters: TaskAdapters = { adapters: [], classes: [] };

/** With one task more. */
export function withAdapter(
  { adapters, classes }: TaskAdapters,
  adapter: Adapter,
  task: Pick<TaskView, "classes">,
): TaskAdapters {
  return { adapters: [...adapters, adapter], classes: [...classes, [...task.classes]] };
}

/** How a task's adapter trains, where it is not as the run says. */
export interface TaskTraining {
  readonly start: Adapter;
  readonly optimiser?: Optimiser;
  /** For the optimiser. */
  readonly fixed?: NamedTensors;
}

/** Trains an adapter on a task by the cross-entropy over its classes, with the run's classifier. */
export async function trainAdapter(
  { start, optimiser, fixed }: TaskTraining,
  classifier: ClassifierState,
  task: TaskView,
  kit: Kit,
): Promise<{ readonly adapter: Adapter; readonly values: NamedTensors }> {
  const fit = adapterFit({ start }, classifier, kit.classifier, task, kit);
  const { values } = await kit.fit({
    ...fit,
    ...(optimiser && { optimiser }),
    fixed: { ...fit.fixed, ...fixed },
  });
  const adapter = adapterFromTensors(values, start.scale);
  kit.trained(adapter);
  return { adapter, values };
}

/** Adapters side by side in one forward pass. */
export interface Stack {
  /** Places for adapters: the power of two from which on there are enough, so that few programs are needed. */
  readonly slots: number;
  /** What `gatedBranch` reads. */
  readonly fixed: NamedTensors;
}

/** Places for so many. */
export function slotsFor(count: number): number {
  let slots = 2;
  while (slots < count) slots *= 2;
  return slots;
}

/** Adapters of the run's rank as a stack. */
export function stackOf(adapters: readonly Adapter[], kit: Pick<Kit, "config" | "lora">): Stack {
  const slots = slotsFor(adapters.length);
  const { factors, gains } = frozenStack({
    adapters,
    slots,
    rank: kit.lora.rank,
    gains: adapters.map(() => 1),
    trainGains: false,
  }, kit);
  return { slots, fixed: { ...factors, [GAINS]: gains } };
}

/** Σ_i w_i ΔW_i for each image, of weights [batch, slots]. */
export function gatedBranch(weights: Tensor, fixed: Named, kit: Pick<Kit, "config" | "lora">): LoraBranch {
  const [batch, slots] = weights.shape as [number, number];
  const { rank } = kit.lora;
  const { pairs } = stackBranch(fixed, fixed[GAINS]!, { slots, rank }, kit);
  const gain = broadcast(reshape(weights, [batch, slots, 1]), [batch, slots, rank]);
  return { pairs, gain: reshape(gain, [batch, slots * rank]) };
}

/** [classes, slots]: 1 where a class belongs to a task. */
export function taskOfClass({ classes }: TaskAdapters, slots: number, kit: Pick<Kit, "classes">): HostTensor {
  const table = hostTensor([kit.classes, slots]);
  classes.forEach((own, task) => own.forEach((label) => table.data[label * slots + task] = 1));
  return table;
}

/** Means [classes, width] with those of a task's classes, of features of its images. */
export function withClassMeans(
  means: HostTensor | null,
  features: HostTensor,
  { classes, train }: Pick<TaskView, "classes" | "train">,
  kit: Pick<Kit, "classes">,
): HostTensor {
  const found = classMeans(features.data, train.labels, kit.classes);
  const { width } = found;
  const data = means?.data.slice() ?? new Float32Array(kit.classes * width);
  for (const label of classes) {
    data.set(found.means.subarray(label * width, (label + 1) * width), label * width);
  }
  return hostTensor([kit.classes, width], data);
}

/** The mean of all rows [count, width]. */
export function meanRow({ shape, data }: HostTensor): Float32Array {
  const [count, width] = shape as [number, number];
  return Float32Array.from({ length: width }, (_, i) => {
    let total = 0;
    for (let row = 0; row < count; row++) total += data[row * width + i]!;
    return total / Math.max(count, 1);
  });
}

/** Adapters, class means of frozen features [classes, width], and the classifier. */
export type FoundByMeans = {
  readonly tasks: TaskAdapters;
  readonly means: HostTensor | null;
  readonly classifier: ClassifierState;
};

/**
 * Trains a task's adapter, which its images find by class means of the frozen feature. Features of earlier classes do
 * not move: their adapters stay as they were.
 */
export async function learnFoundByMeans(
  state: FoundByMeans,
  training: TaskTraining,
  task: TaskView,
  kit: Kit,
): Promise<FoundByMeans> {
  const { adapter, values } = await trainAdapter(training, state.classifier, task, kit);
  const bare = await kit.map(featurePass(undefined), imageTable(task.train));
  const after = featurePass(adapter);
  return {
    tasks: withAdapter(state.tasks, adapter, task),
    means: withClassMeans(state.means, bare, task, kit),
    classifier: await finishClassifier(kit, task, state.classifier, values, after, after),
  };
}
