/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101): Adam with decoupled weight decay, as one op on packed parameters.
 *
 * @module
 */
import { adamwStep } from "../../graph/functions.ts";
import type { Optimiser } from "./optimiser.ts";

/** The constants of Kingma and Ba (arXiv 1412.6980) where none are given. */
export function adamw(
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: {
    readonly beta1?: number;
    readonly beta2?: number;
    readonly epsilon?: number;
  } = {},
): Optimiser {
  return {
    slots: 2,
    hyperLength: 3,
    hyper: (rate, step) => [rate, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)],
    step: ({ packed, theta, decay, hyper, gradientAt }) =>
      adamwStep(packed, gradientAt(theta), decay, hyper, { beta1, beta2, epsilon }),
  };
}
