/**
 * Lowers magnitude pruning at a threshold that is known on the device only.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import source from "./prune.wgsl" with { type: "text" };

/** (x, threshold []) -> x where |x| >= threshold, else 0 */
export const lowerPrune: Lower<"prune"> = (node) => {
  const [x, threshold] = node.operands as readonly [Tensor, Tensor];
  const size = sizeOf(node.shape);
  return [{
    kernel: "prune",
    source,
    entryPoint: "prune",
    uniforms: [u32(quadsOf(size))],
    bindings: [read(x), read(threshold), write(node)],
    ...coverUnits(quadsOf(size)),
    bytes: 8 * size,
  }];
};
