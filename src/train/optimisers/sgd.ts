/**
 * Stochastic gradient descent with momentum, as PyTorch computes it: v ← μ v + g + decay θ, θ ← θ - rate v.
 *
 * @module
 */
import { sgdStep } from "../../graph/functions.ts";
import type { Optimiser } from "./optimiser.ts";

/** SGD; momentum 0.9 where none is given. */
export function sgd({ momentum = 0.9 }: { readonly momentum?: number } = {}): Optimiser {
  return {
    slots: 1,
    hyperLength: 1,
    hyper: (rate) => [rate],
    step: ({ packed, theta, decay, hyper, gradientAt }) =>
      sgdStep(packed, gradientAt(theta), decay, hyper, { momentum }),
  };
}
