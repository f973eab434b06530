/**
 * The words in which methods say what the engine is to run: trainings, forward passes, sums over a task, and the
 * model that is evaluated. All of them are graphs over tables; nothing here knows a method.
 *
 * @module
 */
import type { NamedTensors } from "../core/tensors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { KindOfHead } from "../nn/classifier.ts";
import type { Edits, Encoded } from "../nn/vit.ts";
import type { Optimiser, StepInputs } from "./optimisers/optimiser.ts";
import type { Schedule } from "./optimisers/schedule.ts";
import type { Columns, Named, Table } from "./table.ts";

/** What a graph is built from. */
export interface Env {
  /** Where nodes are made that have no operand, such as constants and noise. */
  readonly graph: Graph;
  /** Values that the graph reads and that are given with it, by name: anchors, teachers, bases, pools. */
  readonly fixed: Named;
  /**
   * The columns of a table's batch; `"main"` is the table that is walked.
   *
   * @throws {RangeError} If there is no such table
   */
  rows(table?: string): Columns;
  /** A forward pass of the frozen backbone, or of what a pass folds into it, with edits. */
  encode(images: Tensor, edits?: Edits): Encoded;
}

/** What any part may bring. */
export interface Part {
  /** Values for `Env.fixed`. Equal names and shapes give one program, whatever the values. */
  readonly fixed?: NamedTensors;
}

/** A training. */
export interface Fit extends Part {
  /** What trains, under any names and of any shapes. */
  readonly start: NamedTensors;
  /** Folded into the backbone's weights, where it stays as it is: what earlier tasks have left. */
  readonly adapter?: Adapter;
  /** `main` is walked once an epoch; from each of the others a batch is drawn anew at every step. */
  readonly tables: Readonly<{ main: Table } & Record<string, Table>>;
  /** The loss of a batch, a scalar. It may be called more than once while a step is built. */
  loss(trained: Named, env: Env): Tensor;
  /** Those of the run by default. */
  readonly epochs?: number;
  /** The rule by which parameters move. */
  readonly optimiser?: Optimiser;
  /** What becomes of a move [p] that the rule would make, whichever it is: a projection off a subspace. */
  project?(move: Tensor, now: StepInputs): Tensor;
  /** The learning rate over the steps. */
  readonly schedule?: Schedule;
  /** Factor of the learning rate of a tensor, 1 by default; 0 freezes it. */
  rate?(name: string): number;
  /** Whether the run's weight decay acts on a tensor; on none by default. */
  decays?(name: string): boolean;
  /** Tells the random order of this training from that of the task's others. */
  readonly purpose?: string;
}

/** What a training gave. */
export interface Fitted {
  /** All tensors of `start`, trained or frozen. */
  readonly values: NamedTensors;
  /** The loss of every step. */
  readonly losses: readonly number[];
  /** The optimiser's slots after the last step, as `Optimiser.init` gives them: variances, momenta. */
  readonly slots: readonly Float32Array[];
}

/** A forward pass of a deployed model. Passes of one shape share a program. */
export interface Pass extends Part {
  /** Folded into the backbone's weights. */
  readonly adapter?: Adapter;
  /** [batch, n] */
  output(env: Env): Tensor;
}

/** Sums over the rows of a table. */
export interface Sums extends Part {
  /** Folded into the backbone's weights. */
  readonly adapter?: Adapter;
  /** What a batch adds to each sum, of any shape. Rows of weight 0 must add nothing. */
  terms(env: Env): Named;
}

/** A model that is evaluated. */
export interface Predictor extends Part {
  /** Each sees the test images as its table `main`. */
  readonly passes: readonly Pass[];
  /** Scores [batch, classes] from the outputs of the passes; classes not yet seen may score anything. */
  scores(outputs: readonly Tensor[], env: Env): Tensor;
  /**
   * Present if the model is the backbone with at most one folded adapter: it can be exported, with its classifier if
   * that is linear in the feature.
   */
  readonly merged?: { readonly adapter?: Adapter; readonly head?: KindOfHead };
}
