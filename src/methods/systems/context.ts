/**
 * A context that scales the ranks of an adapter, and the step that fits it to a task (MIER, arXiv 2006.07178).
 *
 * @module
 */
import { add, div, matmul, maximum, mul, sqrt, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { LoraBranch } from "../../nn/lora.ts";
import { factorName, loraSites } from "../../nn/sites.ts";
import type { Kit, Named } from "../method.ts";

/** Length beyond which the gradient of a context is cut. */
export const CLIP = 10;

/** The adapter under contexts [1 or batch, size]: a branch a site, with gains scale · (1 + c W). */
export function contextBranches(
  tensors: Named,
  context: Tensor,
  kit: Pick<Kit, "config" | "lora">,
): LoraBranch[] {
  return loraSites(kit.config, kit.lora.targets).map(({ name }) => {
    const scaled = add(matmul(context, tensors[`context.${name}`]!), 1);
    return {
      pairs: { [name]: { a: tensors[factorName(name, "A")]!, b: tensors[factorName(name, "B")]! } },
      gain: mul(scaled, kit.lora.scale),
    };
  });
}

/** c - α g, with g cut to length 10. */
export function innerStep(context: Tensor, slope: Tensor, rate: number): Tensor {
  const length = sqrt(add(sum(mul(slope, slope)), 1e-12));
  const factor = div(CLIP, maximum(length, CLIP));
  return sub(context, mul(slope, mul(factor, rate)));
}
