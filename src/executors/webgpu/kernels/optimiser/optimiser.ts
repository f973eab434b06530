/**
 * Lowers optimiser steps: one dispatch updates all trained parameters and their moments. The new state is a value
 * of its own; where it lives is the planner's business.
 *
 * @module
 */
import type { Tensor } from "../../../../graph/ops.ts";
import { type Dispatch, f32, type Lower, read, u32, type UniformValue, write } from "../../kernel.ts";
import { coverUnits } from "../cover.ts";
import source from "./optimiser.wgsl" with { type: "text" };

/** (packed [3, p], grad [p], decay [p], hyper [3]) -> packed [3, p] */
export const lowerAdamwStep: Lower<"adamwStep"> = (node) => {
  const { beta1, beta2, epsilon } = node.attributes;
  return [{
    ...step("adamw", node, [f32(beta1), f32(1 - beta1), f32(beta2), f32(1 - beta2), f32(epsilon)]),
    flops: 15 * node.shape[1]!,
  }];
};

/** (packed [2, p], grad [p], decay [p], hyper [1]) -> packed [2, p] */
export const lowerSgdStep: Lower<"sgdStep"> = (node) => [{
  ...step("sgd", node, [f32(node.attributes.momentum), f32(0), f32(0), f32(0), f32(0)]),
  flops: 6 * node.shape[1]!,
}];

function step(rule: "adamw" | "sgd", node: Tensor, options: readonly UniformValue[]): Dispatch {
  const [packed, grad, decay, hyper] = node.operands as readonly [Tensor, Tensor, Tensor, Tensor];
  const [parts, size] = packed.shape as readonly [number, number];
  const inQuads = size % 4 === 0;
  const units = inQuads ? size / 4 : size;
  return {
    kernel: `${rule}Step`,
    source,
    entryPoint: `${rule}_${inQuads ? "quads" : "numbers"}`,
    uniforms: [u32(units), ...options],
    bindings: [packed, grad, decay, hyper].map(read).concat(write(node)),
    ...coverUnits(units),
    bytes: 4 * (2 * parts + 2) * size,
  };
}
