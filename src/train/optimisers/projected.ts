/**
 * Optimisers around another one: what it would do to the parameters is changed before it happens.
 *
 * @module
 */
import { add, concat, mul, narrow, reshape, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Optimiser, StepInputs } from "./optimiser.ts";

/**
 * The inner rule with its move θ' - θ [p] put through a function, such as a projection off a subspace (GPM, Saha et
 * al., arXiv 2103.09762) or a factor per parameter. The inner slots see the gradient as it is.
 *
 * @param project Gets the move [p] and what the step is built from: the tensors it consists of by `unpack`, a basis
 * by `fixed`
 */
export function projected(
  inner: Optimiser,
  project: (move: Tensor, now: StepInputs) => Tensor,
): Optimiser {
  return {
    ...inner,
    step(now) {
      const next = inner.step(now);
      const [rows, size] = next.shape as [number, number];
      const theta = reshape(narrow(next, 0, 0, 1), [size]);
      const moved = add(now.theta, project(sub(theta, now.theta), now));
      const slots = rows > 1 ? [narrow(next, 0, 1, rows - 1)] : [];
      return concat([reshape(moved, [1, size]), ...slots]);
    },
  };
}

/** The inner rule with a factor for each parameter's move: `factors` [p]. */
export function rated(inner: Optimiser, factors: Tensor): Optimiser {
  return projected(inner, (move) => mul(move, factors));
}
