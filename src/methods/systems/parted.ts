/**
 * Gradients of a loss in two parts, told apart in one backward pass: a tensor of zeros stands beside each parameter,
 * and one part of the loss reads their sum. The gradient of the zeros is then that part's own, and a rule may scale or
 * drop it before the optimiser sees it.
 *
 * @module
 */
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { add, mul, sub } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Optimiser, StepInputs } from "../../train/optimisers/optimiser.ts";
import type { Named } from "../../train/table.ts";
import { prefixed, unprefixed } from "../pieces/tensors.ts";

const PART = "part.";

/** The zeros that stand beside some parameters; they train along with them, and never move. */
export function beside(parameters: NamedTensors): NamedTensors {
  const zeros = Object.entries(parameters).map(([name, { shape }]) => [name, hostTensor(shape)] as const);
  return prefixed(Object.fromEntries(zeros), PART);
}

/** What trains, as the part of the loss reads it that is told apart. */
export function asPart(trained: Named): Named {
  const sums = Object.entries(unprefixed(trained, PART)).map(([name, zero]) =>
    [name, add(trained[name]!, zero)] as const
  );
  return { ...trained, ...Object.fromEntries(sums) };
}

/**
 * The inner rule on the gradients that a function makes of both parts.
 *
 * @param join Gets the gradients of the part that was told apart and of the rest, by the names of `beside`
 */
export function parted(
  inner: Optimiser,
  join: (rest: Named, part: Named, now: StepInputs) => Named,
): Optimiser {
  return {
    ...inner,
    step: (now) =>
      inner.step({
        ...now,
        gradientAt(theta) {
          const slopes = now.unpack(now.gradientAt(theta));
          const part = unprefixed(slopes, PART);
          const changed = (change: (slope: Tensor, name: string) => Tensor) =>
            Object.fromEntries(Object.entries(part).map(([name, slope]) => [name, change(slope, name)]));
          const rest = changed((slope, name) => sub(slopes[name]!, slope));
          const still = prefixed(changed((slope) => mul(slope, 0)), PART);
          return now.pack({ ...slopes, ...join(rest, part, now), ...still });
        },
      }),
  };
}
