/**
 * The words in which methods tell the trainer what to train and what differs from plain fine-tuning: where to
 * start, terms of the loss, and branches that are present but not trained.
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

/** What to train on a task. */
export interface Training {
  /** The trainable adapter's values before the first step. Its shape is the run's `LoraSpec`. */
  readonly start: Adapter;
  /** Whether the adapter's importance scalar trains along; otherwise it keeps its start. Default false. */
  readonly trainImportance?: boolean;
  /** Adapters that take part in the forward pass with fixed factors. */
  readonly frozen?: FrozenBranches;
  /** A term added to the cross-entropy. */
  readonly extraLoss?: ExtraLoss;
}

/** What training gave back. The classifier is not the method's business: the protocol keeps it. */
export interface Trained {
  readonly adapter: Adapter;
  /** Gains of the frozen branches, in their order; as given unless they were trained. */
  readonly gains: readonly number[];
}
