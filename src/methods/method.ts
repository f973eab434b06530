/**
 * What a continual-learning method is: a function from options to a small object with explicit, serialisable state.
 * It decides what is trained on a task, what is remembered, and what is deployed. It sees the present task's training
 * data and what it declared as state; it never evaluates, reads a clock, or touches test data, and the optimiser, the
 * loop and the images' way to the device are not its business.
 *
 * @module
 */
import type { Classifier, ClassifierState } from "../classifiers/classifier.ts";
import type { JsonObject } from "../core/json.ts";
import type { Rng } from "../core/rng.ts";
import type { StateValue } from "../core/state.ts";
import type { HostTensor, NamedTensors } from "../core/tensors.ts";
import type { ImageShape } from "../data/conditions/pixels.ts";
import type { Split } from "../data/dataset.ts";
import type { Merger } from "../merge/merger.ts";
import type { Adapter, LoraSpec } from "../nn/adapter.ts";
import type { ViTConfig } from "../nn/config.ts";
import type { Fit, Fitted, Pass, Predictor, Sums } from "../train/parts.ts";
import type { Table } from "../train/table.ts";

export type { StateValue } from "../core/state.ts";
export type { Env, Fit, Fitted, Pass, Predictor, Sums } from "../train/parts.ts";
export type { Named, Table } from "../train/table.ts";

/** What a method may see of a task: its own training data, nothing later, nothing held out. */
export interface TaskView {
  /** From 0. */
  readonly index: number;
  /** Class numbers of the data set. */
  readonly classes: readonly number[];
  /** Those among which the loss of this task chooses: its own, or all seen so far if the run says so. */
  readonly lossClasses: readonly number[];
  /** Images and labels of `classes`. */
  readonly train: Split;
}

/** Capabilities handed to a method by the protocol, for one task. */
export interface Kit {
  /** Architecture of the frozen backbone. */
  readonly config: ViTConfig;
  /** What an adapter of this run looks like. */
  readonly lora: LoraSpec;
  /** Channels, height and width of the images. */
  readonly images: ImageShape;
  /** Classes of the whole data set: the length of scores. */
  readonly classes: number;
  /** Whether classes of earlier tasks come again in later ones, under other conditions; otherwise each is in one task. */
  readonly classesReturn: boolean;
  /** The run's policy, which a method uses unless it has its own. */
  readonly classifier: Classifier;
  /** The run's classifier before the first task. */
  freshClassifier(policy?: Classifier): ClassifierState;
  /** A stream of random numbers for a purpose, independent of all others. */
  rng(purpose: string): Rng;
  /** A fresh adapter (ΔW = 0); equal purposes give equal adapters. */
  freshAdapter(purpose: string): Adapter;
  /** Adapter arithmetic on the run's device. */
  readonly merger: Merger;
  /**
   * Trains.
   *
   * @throws {DivergenceError} If a loss or a trained value is not finite
   */
  fit(spec: Fit): Promise<Fitted>;
  /**
   * Outputs of a pass for every row of a table: [count, n].
   *
   * @throws {DivergenceError} If one is not finite
   */
  map(pass: Pass, table: Table): Promise<HostTensor>;
  /** Sums over the rows of a table: Fisher information, covariances, Gram matrices. */
  sum(part: Sums, table: Table): Promise<NamedTensors>;
  /** Says that this adapter is what the task's training gave, for those who keep such; it changes nothing. */
  trained(adapter: Adapter): void;
}

/** A state that holds a classifier, in its parts. */
export interface SplitState {
  /** Weights [classes, width] and biases [classes], under their names. */
  readonly classifier: ClassifierState;
  /** What the classifier does with features. */
  readonly policy: Classifier;
  /** What is the method's own. */
  readonly rest: StateValue;
}

/** A method with its options resolved. Hooks are declared in method form, so that `Method<EwcState>` is a `Method`. */
export interface Method<State extends StateValue = StateValue> {
  /** Name in the registry and in records. */
  readonly name: string;
  /** All options with their values; they go into the record. */
  readonly options: JsonObject;
  /** `"all"`: not a continual method but a bound; it learns once, after the last task, from the data of all. */
  readonly sees: "task" | "all";
  /** Present if no task trains anything; for estimates of time only. */
  readonly trains?: false;
  /** See `MethodCard`. */
  readonly needsNewClasses?: string;
  /** The state before the first task. */
  init(kit: Kit): State;
  /** Learns one task and gives the next state; `state` itself must stay as it is. */
  learn(state: State, task: TaskView, kit: Kit): State | Promise<State>;
  /** What is evaluated. Has no side effect; called after `learn` only. */
  deploy(state: State, kit: Kit): Predictor | Promise<Predictor>;
  /** The part of the state that is a classifier, to be counted apart; all of the state is the method's without it. */
  classifierOf?(state: State, kit: Kit): SplitState;
  /** Method-specific facts for the record after a task, such as the number of groups. */
  facts?(state: State): JsonObject;
}
