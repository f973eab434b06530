/**
 * Lowers softmax over the last axis and its gradient.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverRows } from "../cover.ts";
import group from "../group.wgsl" with { type: "text" };
import kernel from "./softmax.wgsl" with { type: "text" };

const source = [group, kernel].join("\n");

/** x [..., width] -> y [..., width] */
export const lowerSoftmax: Lower<"softmax"> = (node, context) => {
  const [x] = node.operands as readonly [Tensor];
  const { rows, width, size } = rowsOf(node.shape);
  const { variant, ...cover } = coverRows("softmax", rows, width, context);
  return [{
    kernel: "softmax",
    source,
    entryPoint: `forward_${variant}`,
    uniforms: [u32(rows), u32(width)],
    bindings: [read(x), write(node)],
    ...cover,
    flops: 5 * size,
    bytes: 8 * size,
  }];
};

/** (y, dy) [..., width] -> dx [..., width] */
export const lowerSoftmaxGrad: Lower<"softmaxGrad"> = (node, context) => {
  const [y, dy] = node.operands as readonly [Tensor, Tensor];
  const { rows, width, size } = rowsOf(node.shape);
  const { variant, ...cover } = coverRows("softmaxGrad", rows, width, context);
  return [{
    kernel: "softmaxGrad",
    source,
    entryPoint: `backward_${variant}`,
    uniforms: [u32(rows), u32(width)],
    bindings: [read(y), read(dy), write(node)],
    ...cover,
    flops: 4 * size,
    bytes: 12 * size,
  }];
};

function rowsOf(shape: readonly number[]) {
  const size = sizeOf(shape);
  const width = shape.at(-1)!;
  return { rows: size / width, width, size };
}
