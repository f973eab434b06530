/**
 * Losses that several methods add: cross-entropy over a task's classes, distillation.
 *
 * @module
 */
import type { HostTensor } from "../../core/tensors.ts";
import { broadcast, div, exp, log, max, mul, softmax, sub, sum, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { maskedLoss } from "../../nn/losses.ts";
import { classMask } from "../adapter_method.ts";
import type { Env, Kit, TaskView } from "../method.ts";

/** The fixed value that `taskLoss` reads. */
export function maskOf(
  task: Pick<TaskView, "lossClasses">,
  kit: Pick<Kit, "classes">,
): { readonly mask: HostTensor } {
  return { mask: classMask(task.lossClasses, kit) };
}

/** Mean cross-entropy of the present batch of table `main` over the classes of the task. */
export function taskLoss(logits: Tensor, env: Env): Tensor {
  const { labels, weights } = env.rows();
  return maskedLoss(logits, labels, env.fixed["mask"]!, weights);
}

/** log softmax of logits [batch, classes] over the classes of a mask [classes]; far below 0 elsewhere. */
export function maskedLogSoftmax(logits: Tensor, mask: Tensor): Tensor {
  const known = where(broadcast(mask, logits.shape), logits, -1e9);
  const shifted = sub(known, max(known, { axes: [1], keepDims: true }));
  return sub(shifted, log(sum(exp(shifted), { axes: [1], keepDims: true })));
}

/**
 * Distillation (Hinton et al., arXiv 1503.02531): the mean over rows of the cross-entropy between teacher and student,
 * both softened, over the classes of a mask [classes]. Not multiplied by the square of the temperature.
 *
 * @param weights [batch]: rows of weight 0 count nothing
 */
export function distillation(
  student: Tensor,
  teacher: Tensor,
  mask: Tensor,
  weights: Tensor,
  temperature: number,
): Tensor {
  const target = softmax(where(broadcast(mask, teacher.shape), mul(teacher, 1 / temperature), -1e9));
  const rows = sum(mul(target, maskedLogSoftmax(mul(student, 1 / temperature), mask)), { axes: [1] });
  return div(sum(mul(rows, mul(weights, -1))), sum(weights));
}
