/**
 * Classifiers: how features become class scores, in training and at test. One value per policy says what trains, what
 * logits are, what is learnt when a task's training is over, and what scores; methods that want the run's policy use
 * it, others bring their own. Whatever a policy keeps has a row for every class of the data set from the start, so
 * that programs do not grow.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import type { HostTensor, NamedTensors } from "../core/tensors.ts";
import type { Tensor } from "../graph/ops.ts";
import type { KindOfHead } from "../nn/classifier.ts";
import type { Fit, Fitted, Pass, Sums } from "../train/parts.ts";
import type { Named, Table } from "../train/table.ts";

/** What a classifier keeps between tasks; every name begins with `head.`. */
export type ClassifierState = NamedTensors;

/** What a classifier may do when a task's training is over: a part of a method's kit. */
export interface ClassifierKit {
  /** Classes of the whole data set. */
  readonly classes: number;
  /** Whether classes of earlier tasks come again in later ones; otherwise each is in one task. */
  readonly classesReturn: boolean;
  /** A stream of random numbers for a purpose. */
  rng(purpose: string): Rng;
  /** Trains. */
  fit(spec: Fit): Promise<Fitted>;
  /** Outputs of a pass for every row of a table. */
  map(pass: Pass, table: Table): Promise<HostTensor>;
  /** Sums over the rows of a table. */
  sum(part: Sums, table: Table): Promise<NamedTensors>;
}

/** Features [count, width] of the same images under two models. */
export interface MovedFeatures {
  /** Under the model that is deployed now. */
  features(): Promise<HostTensor>;
  /** Under the model that was deployed before the task. */
  earlier(): Promise<HostTensor>;
}

/** A task whose training is over. */
export interface TaskFeatures {
  /** From 0. */
  readonly index: number;
  /** Of the task. */
  readonly classes: readonly number[];
  /** Of the task's training images: one of `classes` each. */
  readonly labels: Int32Array;
  /** What training left of the tensors that `Classifier.trains` gave. */
  readonly trained: NamedTensors;
  /** Features [count, width] of the training images under the model that is deployed now. */
  features(): Promise<HostTensor>;
  /** Features of the same images under the model that was deployed before the task; there is one from task 1 on. */
  earlier(): Promise<HostTensor>;
  /** Images of earlier tasks, where the method keeps some. */
  readonly stored?: StoredFeatures;
  /** Images that tell how features moved, where the method has more than the task's own. */
  readonly evidence?: MovedFeatures;
}

/** Images of earlier tasks under the two models. */
export interface StoredFeatures extends MovedFeatures {
  /** Of the images. */
  readonly labels: Int32Array;
}

/** What scores at test. */
export interface Scorer {
  /** Values that the scores are computed from; every name begins with `head.`. */
  readonly fixed: NamedTensors;
  /** Scores [batch, classes] of features [batch, width]; classes not yet seen may score anything. */
  scores(feature: Tensor, fixed: Named): Tensor;
  /** Present if the scores are linear in the feature: what files and other programs can hold. */
  readonly head?: KindOfHead;
}

/** A policy. */
export interface Classifier {
  /** Its name in settings. */
  readonly kind: string;
  /** Whether the rows that a task trained are where the next one starts, and what scores comes from them. */
  readonly keepsRows?: boolean;
  /** Whether the rows of earlier classes, trained or set, say what the model answers for them. */
  readonly rowsAnswer?: boolean;
  /** Before the first task. */
  init(classes: number, width: number, rng: Rng): ClassifierState;
  /** The part of the state that trains with the model. */
  trains(state: ClassifierState): NamedTensors;
  /** Logits [batch, classes] in training, of features [batch, width] and the tensors that train. */
  logits(feature: Tensor, trained: Named): Tensor;
  /**
   * The state after a task's training.
   *
   * @param state As it was before the task
   */
  finish(state: ClassifierState, task: TaskFeatures, kit: ClassifierKit): Promise<ClassifierState>;
  /** What scores with a state. */
  scorer(state: ClassifierState): Scorer;
  /** Bytes of what is kept for `seen` classes, at 32 bits a number. */
  bytes(state: ClassifierState, seen: number): number;
}
