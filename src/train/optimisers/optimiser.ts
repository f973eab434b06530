/**
 * What an optimiser is: a rule as graph that gets the loss as a function, so that a rule which looks at the loss
 * elsewhere (sharpness-aware steps, draws from a posterior) is a value like any other.
 *
 * @module
 */
import type { Tensor } from "../../graph/ops.ts";
import type { Named } from "../table.ts";

/** What a step is built from. Parameters are one vector of p numbers, and so is all that belongs to them. */
export interface StepInputs {
  /** [1 + slots, p]: the parameters, then the slots. */
  readonly packed: Tensor;
  /** The parameters [p]. */
  readonly theta: Tensor;
  /** Each [p]. */
  readonly slots: readonly Tensor[];
  /** Each [p], standard normal numbers of this step. */
  readonly noise: readonly Tensor[];
  /** Weight decay of every parameter [p]. */
  readonly decay: Tensor;
  /** What `hyper` gave for this step: [hyperLength]. */
  readonly hyper: Tensor;
  /** The values that are given with the training, such as a basis. */
  readonly fixed: Named;
  /** A vector [p] as tensors under the names of what trains. */
  unpack(vector: Tensor): Named;
  /** Such tensors as a vector [p]. */
  pack(tensors: Named): Tensor;
  /** The loss of other parameters [p], a scalar. */
  lossAt(theta: Tensor): Tensor;
  /** Its gradient [p]. */
  gradientAt(theta: Tensor): Tensor;
}

/** A rule by which parameters move. */
export interface Optimiser {
  /** Numbers kept per parameter, zero at first unless `init` says otherwise. */
  readonly slots: number;
  /** Normal numbers per parameter that a step wants; none by default. */
  readonly noise?: number;
  /** Numbers that differ from step to step. */
  readonly hyperLength: number;
  /** Their values at a step counted from 0, at the rate that the schedule gives it. */
  hyper(rate: number, step: number): readonly number[];
  /** The slots before the first step, each as long as the parameters. */
  init?(start: Float32Array): readonly Float32Array[];
  /** The parameters and slots after the step: [1 + slots, p]. */
  step(now: StepInputs): Tensor;
}
