/**
 * What the examples share: fresh tensors, and the cross-entropy of a task.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, div, mul, sqrt, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { adapterToTensors, IMPORTANCE } from "../../nn/adapter.ts";
import { branchFromTensors, type LoraBranch } from "../../nn/lora.ts";
import { maskedLoss } from "../../nn/losses.ts";
import { classMask } from "../../methods/adapter_method.ts";
import type { Env, Kit, Named, TaskView } from "../../methods/method.ts";

/** Normal numbers, the same for the same purpose. */
export function noise(kit: Kit, shape: readonly number[], purpose: string, deviation = 0.02): HostTensor {
  const rng = kit.rng(purpose);
  const tensor = hostTensor(shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = deviation * rng.normal();
  return tensor;
}

/** Fresh factors under a prefix. */
export function factors(kit: Kit, purpose: string, prefix = ""): NamedTensors {
  const { [IMPORTANCE]: _, ...tensors } = adapterToTensors(kit.freshAdapter(purpose));
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** The branch of factors under a prefix. */
export function branchOf(tensors: Named, kit: Kit, prefix = ""): LoraBranch {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(`${prefix}lora.`));
  const named = Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  return branchFromTensors(named, kit.lora.scale);
}

/** The fixed value that `taskLoss` reads. */
export function maskOf(task: TaskView, kit: Kit): { readonly mask: HostTensor } {
  return { mask: classMask(task.lossClasses, kit) };
}

/** Mean cross-entropy of the present batch of a table. */
export function taskLoss(logits: Tensor, env: Env): Tensor {
  const { labels, weights } = env.rows();
  return maskedLoss(logits, labels, env.fixed["mask"]!, weights);
}

/** Rows of length 1. */
export function unit(x: Tensor): Tensor {
  return div(x, sqrt(add(sum(mul(x, x), { axes: [-1], keepDims: true }), 1e-12)));
}
