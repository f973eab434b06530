/**
 * Lowers masked cross-entropy and its gradient. Neither adds across samples, so nothing is atomic: same device,
 * same bits.
 *
 * @module
 */
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverRows } from "../cover.ts";
import group from "../group.wgsl" with { type: "text" };
import kernel from "./cross_entropy.wgsl" with { type: "text" };

const source = [group, kernel].join("\n");

/** (logits [n, c], labels i32 [n], mask [c]) -> loss [n] */
export const lowerCrossEntropy: Lower<"crossEntropy"> = (node, context) => {
  const [logits, labels, mask] = node.operands as readonly [Tensor, Tensor, Tensor];
  const [rows, width] = logits.shape as readonly [number, number];
  const { variant, ...cover } = coverRows("crossEntropy", rows, width, context);
  return [{
    kernel: "crossEntropy",
    source,
    entryPoint: `forward_${variant}`,
    uniforms: [u32(rows), u32(width)],
    bindings: [read(logits), read(labels), read(mask), write(node)],
    ...cover,
    flops: 4 * rows * width,
    bytes: 4 * (rows * width + width + 2 * rows),
  }];
};

/** (logits [n, c], labels i32 [n], mask [c], dloss [n]) -> dlogits [n, c] */
export const lowerCrossEntropyGrad: Lower<"crossEntropyGrad"> = (node, context) => {
  const [logits, labels, mask, dloss] = node.operands as readonly [Tensor, Tensor, Tensor, Tensor];
  const [rows, width] = logits.shape as readonly [number, number];
  const { variant, ...cover } = coverRows("crossEntropyGrad", rows, width, context);
  return [{
    kernel: "crossEntropyGrad",
    source,
    entryPoint: `backward_${variant}`,
    uniforms: [u32(rows), u32(width)],
    bindings: [read(logits), read(labels), read(mask), read(dloss), write(node)],
    ...cover,
    flops: 7 * rows * width,
    bytes: 4 * (2 * rows * width + width + 2 * rows),
  }];
};
