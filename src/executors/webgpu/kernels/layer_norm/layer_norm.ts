/**
 * Lowers layer normalisation over the last axis and its gradient with respect to x.
 *
 * @module
 */
import { type Shape, sizeOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Dispatch, f32, type Lower, type LoweringContext, read, u32, write } from "../../kernel.ts";
import { coverRows } from "../cover.ts";
import group from "../group.wgsl" with { type: "text" };
import kernel from "./layer_norm.wgsl" with { type: "text" };
import quads from "./quads.wgsl" with { type: "text" };
import scalars from "./scalars.wgsl" with { type: "text" };

/** (x [..., width], gamma [width], beta [width]) -> y [..., width] */
export const lowerLayerNorm: Lower<"layerNorm"> = (node, context) => {
  const [x, gamma, beta] = node.operands as readonly [Tensor, Tensor, Tensor];
  const size = sizeOf(node.shape);
  return [{
    ...plan("layerNorm", "forward", node.shape, node.attributes.epsilon, context),
    bindings: [read(x), read(gamma), read(beta), write(node)],
    flops: 8 * size,
    bytes: 8 * size,
  }];
};

/** (x [..., width], gamma [width], dy [..., width]) -> dx [..., width] */
export const lowerLayerNormGrad: Lower<"layerNormGrad"> = (node, context) => {
  const [x, gamma, dy] = node.operands as readonly [Tensor, Tensor, Tensor];
  const size = sizeOf(node.shape);
  return [{
    ...plan("layerNormGrad", "backward", node.shape, node.attributes.epsilon, context),
    bindings: [read(x), read(gamma), read(dy), write(node)],
    flops: 18 * size,
    bytes: 12 * size,
  }];
};

function plan(
  family: string,
  entry: "forward" | "backward",
  shape: Shape,
  epsilon: number,
  context: LoweringContext,
): Omit<Dispatch, "bindings"> {
  const width = shape.at(-1) ?? 1;
  const rows = sizeOf(shape) / width;
  const unit = width % 4 === 0 ? 4 : 1;
  const { variant, ...cover } = coverRows(family, rows, width / unit, context);
  return {
    kernel: `${family}/${unit === 4 ? "quads" : "scalars"}`,
    source: [unit === 4 ? quads : scalars, group, kernel].join("\n"),
    entryPoint: `${entry}_${variant}`,
    uniforms: [u32(rows), u32(width / unit), f32(1 / width), f32(epsilon)],
    ...cover,
  };
}
