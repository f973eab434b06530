/**
 * Optimiser settings, the learning-rate schedule, and the step as graph. Parameters and moments are one packed
 * state, so a step over any number of tensors is one op.
 *
 * @module
 */
import { adamwStep, sgdStep } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";

/** How parameters move. Weight decay is decoupled for AdamW and L2 for SGD. */
export interface OptimiserSettings {
  readonly kind: "adamw" | "sgd";
  /** The peak rate. */
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Of SGD. */
  readonly momentum: number;
  /** `"cosine"` falls towards 0, which the step after the last would reach. */
  readonly schedule: "constant" | "cosine";
  /** Share of all steps in which the rate rises linearly to its peak. */
  readonly warmup: number;
}

/** AdamW with the constants of Kingma and Ba (arXiv 1412.6980), no decay, cosine schedule. */
export const defaultOptimiser: OptimiserSettings = {
  kind: "adamw",
  learningRate: 1e-3,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  momentum: 0.9,
  schedule: "cosine",
  warmup: 0,
};

/** Rows of the packed state: parameters and moments. */
export function packedRows({ kind }: OptimiserSettings): number {
  return kind === "adamw" ? 3 : 2;
}

/** The learning rate of a step, counted from 0. */
export function learningRateAt(settings: OptimiserSettings, step: number, steps: number): number {
  const { learningRate, schedule, warmup } = settings;
  const rising = Math.round(warmup * steps);
  if (step < rising) return learningRate * (step + 1) / rising;
  if (schedule === "constant") return learningRate;
  const progress = (step - rising) / Math.max(1, steps - rising);
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** Length of the `hyper` input of a step. */
export function hyperLength({ kind }: OptimiserSettings): number {
  return kind === "adamw" ? 3 : 1;
}

/** Values of the `hyper` input: learning rate and, for AdamW, the bias corrections 1 - βᵗ. */
export function hyperValues(settings: OptimiserSettings, step: number, steps: number): Float32Array {
  const rate = learningRateAt(settings, step, steps);
  if (settings.kind === "sgd") return Float32Array.of(rate);
  const { beta1, beta2 } = settings;
  return Float32Array.of(rate, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1));
}

/** The packed state after a step. `decay` [p] holds each parameter's weight decay. */
export function optimiserStep(
  settings: OptimiserSettings,
  packed: Tensor,
  grad: Tensor,
  decay: Tensor,
  hyper: Tensor,
): Tensor {
  const { beta1, beta2, epsilon, momentum } = settings;
  return settings.kind === "adamw"
    ? adamwStep(packed, grad, decay, hyper, { beta1, beta2, epsilon })
    : sgdStep(packed, grad, decay, hyper, { momentum });
}
