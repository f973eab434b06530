/**
 * Lowers the way from bytes to numbers.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import source from "./from_bytes.wgsl" with { type: "text" };

/** x u8 [...] -> [...] */
export const lowerFromBytes: Lower<"fromBytes"> = (node) => {
  const [x] = node.operands as readonly [Tensor];
  const size = sizeOf(node.shape);
  return [{
    kernel: "fromBytes",
    source,
    entryPoint: "from_bytes",
    uniforms: [u32(quadsOf(size))],
    bindings: [read(x), write(node)],
    ...coverUnits(quadsOf(size)),
    bytes: 5 * size,
  }];
};
