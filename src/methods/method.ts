/**
 * What a continual-learning method is: a function from options to a small object with explicit, serialisable
 * state. It decides what is trained on a task, what is remembered, and which adapter is deployed. It sees the
 * present task's training data and nothing else; it never steps the optimiser, evaluates, or reads a clock.
 *
 * @module
 */
import type { JsonObject } from "../core/json.ts";
import type { Rng } from "../core/rng.ts";
import type { StateValue } from "../core/state.ts";
import type { NamedTensors } from "../core/tensors.ts";
import type { Split } from "../data/dataset.ts";
import type { Merger } from "../merge/merger.ts";
import type { Adapter, LoraSpec } from "../nn/adapter.ts";
import type { ViTConfig } from "../nn/config.ts";
import type { Trained, Training } from "../train/training.ts";

export type { Trained, Training } from "../train/training.ts";

/** What a method may see of a task: its own training data, nothing later, nothing held out. */
export interface TaskView {
  /** From 0. */
  readonly index: number;
  /** Class numbers of the data set. */
  readonly classes: readonly number[];
  readonly train: Split;
}

/** Capabilities handed to a method by the protocol. */
export interface Kit {
  readonly config: ViTConfig;
  readonly lora: LoraSpec;
  /** A stream of random numbers for a purpose, independent of all others. */
  rng(purpose: string): Rng;
  /** A fresh adapter (ΔW = 0); equal purposes give equal adapters. */
  freshAdapter(purpose: string): Adapter;
  /** Adapter arithmetic on the run's device. */
  readonly merger: Merger;
  /**
   * The diagonal of the empirical Fisher information of the adapter's tensors on a task: the mean over samples of
   * the squared gradient of the log-likelihood of the true label among the task's classes.
   *
   * @param samples At most this many, drawn with the run's seed
   */
  fisher(adapter: Adapter, task: TaskView, samples: number): Promise<NamedTensors>;
}

/** A method with its options resolved. Hooks are declared in method form, so that `Method<EwcState>` is a `Method`. */
export interface Method<State extends StateValue = StateValue> {
  readonly name: string;
  readonly options: JsonObject;
  /**
   * `"task"`: trains on each task. `"never"`: no training, the backbone is used as it is. `"joint"`: not a continual
   * method but the upper bound; it trains once, after the last task, on the data of all tasks.
   */
  readonly trains: "task" | "never" | "joint";
  /** A classifier that belongs to the method's definition and replaces the protocol's. */
  readonly head?: "ncm";
  init(kit: Kit): State;
  begin(state: State, task: TaskView, kit: Kit): Training | Promise<Training>;
  end(state: State, task: TaskView, trained: Trained, kit: Kit): State | Promise<State>;
  /** The adapter that is evaluated; `undefined` for the bare backbone. Has no side effect. */
  deploy(state: State, kit: Kit): Adapter | undefined | Promise<Adapter | undefined>;
  /** Method-specific facts for the record after a task, such as the number of groups. */
  facts?(state: State): JsonObject;
}
