/**
 * Learning without forgetting (Li and Hoiem, arXiv 1606.09282): a model that changes should go on answering for the
 * old classes what it answered before, and the new task's images are what it is asked about.
 *
 * 1. Before a task, note the logits of its training images under the model that the last task left.
 * 2. Train the same adapter on with cross-entropy over the task's classes, plus λ times the distillation of those
 *    logits over the classes seen before it, both sides softened by the temperature T:
 *    -Σ_c softmax(z_old / T)_c log softmax(z / T)_c, the mean over images.
 * 3. Deploy the adapter.
 *
 * λ = 1 and T = 2 are the paper's. The old classes' rows of the classifier train along, as there; class means take their
 * place where they score, and beside a policy without rows (a ridge, Gaussians) such rows are kept for the training.
 * There is no warm-up of the new rows alone.
 * On the first task the strength is fed as 0, so that one program serves all tasks.
 *
 * @module
 */
import { z } from "zod";
import type { ClassifierState } from "../../classifiers/classifier.ts";
import { hostTensor } from "../../core/tensors.ts";
import { mul } from "../../graph/functions.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { imageTable } from "../../train/table.ts";
import { classMask, type ExtraLoss } from "../adapter_method.ts";
import { defineMethod, type MethodDefinition } from "../definition.ts";
import type { Kit, TaskView } from "../method.ts";
import { distillation } from "../pieces/losses.ts";
import { rowedMethod } from "../pieces/rowed_method.ts";
import { firstStart } from "../start.ts";

/** The adapter, absent before the first task, and the classes it was trained on. */
export type LwfState = { readonly adapter: Adapter | null; readonly seen: readonly number[] };

/** LwF. */
export const lwf: MethodDefinition = defineMethod({
  name: "lwf",
  summary: "One adapter that keeps its old answers to the new task's images",
  source: "Li and Hoiem, arXiv 1606.09282",
  family: "regularised",
  year: 2016,
  adapted: "A LoRA adapter trains instead of the whole network, without a warm-up of the new classes' rows",
  keeps: "The adapter; beside a classifier without rows, such rows",
  options: z.strictObject({
    lambda: z.number().min(0).default(1).describe("Strength λ of the distillation"),
    temperature: z.number().gt(0).default(2).describe("Temperature T that softens both sides"),
  }),
  create: ({ lambda, temperature }) =>
    rowedMethod({
      trains: "task",
      init: (): LwfState => ({ adapter: null, seen: [] }),
      async begin({ adapter, seen }: LwfState, task, kit, classifier) {
        const teacher = await oldLogits(adapter, classifier, task, kit);
        return {
          start: adapter ?? firstStart(kit),
          extraLoss: distil(teacher, seen, adapter ? lambda : 0, temperature, kit),
        };
      },
      end: ({ seen }: LwfState, task, { adapter }): LwfState => ({
        adapter,
        // Classes may come back.
        seen: [...new Set([...seen, ...task.classes])],
      }),
      deploy: ({ adapter }: LwfState) => adapter ?? undefined,
    }),
});

/** Logits [count, classes] of a task's images under the model before it; zeros if there is none. */
async function oldLogits(
  adapter: Adapter | null,
  classifier: ClassifierState,
  task: TaskView,
  kit: Kit,
): Promise<ReturnType<typeof hostTensor>> {
  if (!adapter) return hostTensor([task.train.count, kit.classes]);
  return await kit.map({
    adapter,
    fixed: kit.classifier.trains(classifier),
    output: (env) => kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed),
  }, imageTable(task.train));
}

/** λ · distillation of noted logits over some classes. */
export function distil(
  teacher: ReturnType<typeof hostTensor>,
  seen: readonly number[],
  lambda: number,
  temperature: number,
  kit: Pick<Kit, "classes">,
): ExtraLoss {
  return {
    tensors: { seen: classMask(seen, kit), strength: hostTensor([1], Float32Array.of(lambda)) },
    columns: { teacher },
    build({ env, tensors, logits }) {
      const { teacher, weights } = env.rows();
      return mul(
        distillation(logits, teacher!, tensors["seen"]!, weights, temperature),
        tensors["strength"]!,
      );
    },
  };
}
