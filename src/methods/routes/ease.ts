/**
 * EASE (Zhou et al., arXiv 2403.12030): an adapter for each task spans a subspace of its own, and classes are compared
 * in all of them at once.
 *
 * 1. Each task trains an adapter with a classifier that is thrown away.
 * 2. A class's prototype in a subspace is the mean feature of its images under that adapter. For the subspaces of its
 *    own task and of earlier ones its images are there; for those of later tasks they are not.
 * 3. Synthesis: how alike classes are carries over from one subspace to another. The prototype of an old class of task
 *    i in the subspace of a later task j is Σ_c softmax_c(cos(p_i(old), p_i(c))) p_j(c), over the classes c of tasks j
 *    and later, whose prototypes in both subspaces, p_i and p_j, are known.
 * 4. A class's score is its cosine in its own task's subspace + α / (T - 1) of its cosines in each of the others.
 *
 * The classifier of step 4 is the method's own; the run's policy takes part in the training of step 1 only. Each task
 * is one more forward pass at test.
 *
 * @module
 */
import { z } from "zod";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, matmul } from "../../graph/functions.ts";
import { unitRows } from "../../nn/heads.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { unit } from "../pieces/tensors.ts";
import { independentStart, independentStartOption } from "../start.ts";
import { noAdapters, type TaskAdapters, trainAdapter, withAdapter, withClassMeans } from "./task_adapters.ts";

/** Adapters, and for the subspace of each the prototypes [classes, width] of its task and of later ones, else zero. */
export type EaseState = {
  readonly tasks: TaskAdapters;
  readonly prototypes: readonly HostTensor[];
};

const options = z.strictObject({
  alpha: z.number().min(0).default(0.1).describe("Weight of all other subspaces together (α)"),
  start: independentStartOption,
});

function dot(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i]! * y[i]!;
  return total;
}

/**
 * Step 3 for one class.
 *
 * @param old Its prototype in its own subspace
 * @param near Prototypes of later classes in that subspace
 * @param far Of the same classes in the later subspace
 */
export function synthesise(
  old: ArrayLike<number>,
  near: readonly ArrayLike<number>[],
  far: readonly ArrayLike<number>[],
): Float64Array {
  const length = (x: ArrayLike<number>) => Math.max(Math.sqrt(dot(x, x)), 1e-12);
  const cosines = near.map((other) => dot(old, other) / (length(old) * length(other)));
  const largest = Math.max(...cosines);
  const weights = cosines.map((cosine) => Math.exp(cosine - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return Float64Array.from(
    { length: old.length },
    (_, i) => far.reduce((sum, prototype, c) => sum + weights[c]! / total * prototype[i]!, 0),
  );
}

/** The prototypes of every class so far in every subspace, [classes, width] each: kept or synthesised. */
export function completed({ tasks: { classes }, prototypes }: EaseState): HostTensor[] {
  return prototypes.map((kept, j) => {
    const width = kept.shape[1]!;
    const row = ({ data }: HostTensor, label: number) => data.subarray(label * width, (label + 1) * width);
    const all = hostTensor(kept.shape, kept.data.slice());
    const later = classes.slice(j).flat();
    for (let i = 0; i < j; i++) {
      const own = prototypes[i]!;
      const near = later.map((label) => row(own, label));
      const far = later.map((label) => row(kept, label));
      for (const old of classes[i]!) all.data.set(synthesise(row(own, old), near, far), old * width);
    }
    return all;
  });
}

/** Rows of length 1, times the weight of the subspace for the class of each: zero for classes not yet seen. */
function weighted(space: HostTensor, index: number, { classes }: TaskAdapters, alpha: number): HostTensor {
  const width = space.shape[1]!;
  const rows = unitRows(space.data, width);
  const foreign = alpha / Math.max(classes.length - 1, 1);
  classes.forEach((own, task) => {
    const weight = task === index ? 1 : foreign;
    for (const label of own) for (let i = 0; i < width; i++) rows[label * width + i]! *= weight;
  });
  return hostTensor(space.shape, Float32Array.from(rows));
}

async function learn(
  state: EaseState,
  task: TaskView,
  kit: Kit,
  start: "fresh" | "shared",
): Promise<EaseState> {
  const training = { start: independentStart(kit, task.index, start) };
  const { adapter } = await trainAdapter(training, kit.freshClassifier(), task, kit);
  const tasks = withAdapter(state.tasks, adapter, task);
  const prototypes: HostTensor[] = [];
  for (const [j, adapter] of tasks.adapters.entries()) {
    const features = await kit.map(featurePass(adapter), imageTable(task.train));
    prototypes.push(withClassMeans(state.prototypes[j] ?? null, features, task, kit));
  }
  return { tasks, prototypes };
}

const nameOf = (index: number) => `space ${index}`;

/** EASE. */
export const ease: MethodDefinition = defineMethod({
  name: "ease",
  summary: "An adapter for each task, all features side by side; old classes get prototypes in new subspaces",
  source: "Zhou et al., arXiv 2403.12030",
  family: "route",
  needsNewClasses:
    "A class has prototypes in the subspace of its one task, and synthesised ones in all later",
  year: 2024,
  adapted: "LoRA for bottleneck adapters",
  keeps: "An adapter for each task, and class prototypes in the subspace of each adapter",
  passes: "One for each task",
  grows: "One forward pass for each task",
  options,
  create: ({ alpha, start }) => ({
    sees: "task" as const,
    init: (): EaseState => ({ tasks: noAdapters, prototypes: [] }),
    learn: (state: EaseState, task, kit) => learn(state, task, kit, start),
    deploy(state: EaseState) {
      const fixed: NamedTensors = Object.fromEntries(
        completed(state).map((space, j) => [nameOf(j), weighted(space, j, state.tasks, alpha)]),
      );
      return {
        passes: state.tasks.adapters.map((adapter) => featurePass(adapter)),
        fixed,
        scores: (features, env) =>
          features
            .map((feature, j) => matmul(unit(feature), env.fixed[nameOf(j)]!, { transposeB: true }))
            .reduce((total, part) => add(total, part)),
      };
    },
  }),
});
