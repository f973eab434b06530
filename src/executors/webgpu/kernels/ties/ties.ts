/**
 * Lowers TIES sign election and disjoint mean, in one pass over the stack of adapters.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits } from "../cover.ts";
import source from "./ties.wgsl" with { type: "text" };

/** stack [depth, ...rest] -> [...rest] */
export const lowerTiesMerge: Lower<"tiesMerge"> = (node) => {
  const [stack] = node.operands as readonly [Tensor];
  const depth = stack.shape[0]!;
  const size = sizeOf(node.shape);
  const inQuads = size % 4 === 0;
  const units = inQuads ? size / 4 : size;
  return [{
    kernel: "tiesMerge",
    source,
    entryPoint: inQuads ? "merge_quads" : "merge_numbers",
    uniforms: [u32(depth), u32(units)],
    bindings: [read(stack), write(node)],
    ...coverUnits(units),
    flops: 6 * depth * size,
    bytes: 4 * (2 * depth + 1) * size,
  }];
};
