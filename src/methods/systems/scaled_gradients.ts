/**
 * Dynamic gradient scaling (DMEA, Qin et al., arXiv 2310.09886): a new task's gradient must not outweigh that of replay.
 *
 * @module
 */
import { add, div, minimum, mul, narrow, reshape, sqrt, sub, sum, where } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { Optimiser } from "../../train/optimisers/optimiser.ts";
import { parted } from "./parted.ts";

/** min(1, ‖g_replay‖ / ‖g_task‖), on its way to 1. */
export function gradientScale(replay: readonly Tensor[], task: readonly Tensor[], progress: Tensor): Tensor {
  const length = (parts: readonly Tensor[]) =>
    sqrt(parts.map((part) => sum(mul(part, part))).reduce((a, b) => add(a, b)));
  const scale = minimum(div(length(replay), add(length(task), 1e-12)), 1);
  return add(scale, mul(sub(1, scale), progress));
}

/** A rule on g_replay + η g_task. `fixed.replays` [1] is 0 while there is nothing to replay; then η is 1. */
export function scaledGradients(inner: Optimiser, relax: number): Optimiser {
  return {
    ...inner,
    hyperLength: inner.hyperLength + 1,
    hyper: (rate, step) => [...inner.hyper(rate, step), Math.min(1, step / relax)],
    step(now) {
      const progress = narrow(now.hyper, 0, inner.hyperLength, 1);
      const rule = parted(inner, (replay, task, { fixed }) => {
        const scale = gradientScale(Object.values(replay), Object.values(task), progress);
        const factor = where(fixed["replays"]!, scale, 1);
        return Object.fromEntries(
          Object.entries(replay).map(([name, slope]) => [name, add(slope, scaledBy(task[name]!, factor))]),
        );
      });
      return rule.step({ ...now, hyper: narrow(now.hyper, 0, 0, inner.hyperLength) });
    },
  };
}

/** A tensor of any shape times a tensor of one number. */
function scaledBy(x: Tensor, factor: Tensor): Tensor {
  return mul(x, reshape(factor, []));
}
