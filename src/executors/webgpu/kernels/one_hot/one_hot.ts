/**
 * Lowers one-hot coding. An index out of range gives a row of zeros.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import source from "./one_hot.wgsl" with { type: "text" };

/** index i32 [...at] -> [...at, depth] */
export const lowerOneHot: Lower<"oneHot"> = (node) => {
  const [index] = node.operands as readonly [Tensor];
  const size = sizeOf(node.shape);
  return [{
    kernel: "oneHot",
    source,
    entryPoint: "one_hot",
    uniforms: [u32(quadsOf(size)), u32(node.attributes.depth)],
    bindings: [read(index), write(node)],
    ...coverUnits(quadsOf(size)),
    bytes: 4 * (size + sizeOf(index.shape)),
  }];
};
