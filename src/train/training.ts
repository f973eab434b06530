/**
 * The words in which methods tell the trainer what differs from plain fine-tuning: terms of the loss and branches
 * that are present but not trained.
 *
 * @module
 */
import type { NamedTensors } from "../core/tensors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import type { Adapter } from "../nn/adapter.ts";

/** What an extra term of the loss is built from. */
export interface LossContext {
  readonly graph: Graph;
  /** The trainable adapter's tensors by name (`lora.0.q.A`, …, `lora.importance`). */
  readonly adapter: Readonly<Record<string, Tensor>>;
  /** The term's own tensors by name. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** [batch, width] */
  readonly feature: Tensor;
  /** [batch, classes], unmasked */
  readonly logits: Tensor;
}

/** A term added to the mean cross-entropy of a batch. */
export interface ExtraLoss {
  /** Names the graph: two terms with one key and tensors of equal shapes build the same graph. */
  readonly key: string;
  /** Values read by the term; written to the device once a task. */
  readonly tensors: NamedTensors;
  /** @returns A scalar */
  build(context: LossContext): Tensor;
}

/** Adapters whose factors are fixed. The slots have one size, so that the step's program does not grow with tasks. */
export interface FrozenBranches {
  /** At most `slots`, each of rank at most `rank`; scale and importance are part of the fixed factors. */
  readonly adapters: readonly Adapter[];
  readonly slots: number;
  readonly rank: number;
  /** One gain per adapter at the start. */
  readonly gains: readonly number[];
  readonly trainGains: boolean;
}
