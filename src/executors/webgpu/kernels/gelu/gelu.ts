/**
 * Lowers GELU and its gradient.
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { GeluKind, Tensor } from "../../../../graph/ops.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import gate from "./gate.wgsl" with { type: "text" };
import kernel from "./gelu.wgsl" with { type: "text" };

const source = [gate, kernel].join("\n");

const kindNumbers: Readonly<Record<GeluKind, number>> = { erf: 0, tanh: 1 };

/** x -> y of one shape */
export const lowerGelu: Lower<"gelu"> = (node) => {
  const [x] = node.operands as readonly [Tensor];
  const size = sizeOf(node.shape);
  const { constants, workgroups } = coverUnits(quadsOf(size));
  return [{
    kernel: "gelu",
    source,
    entryPoint: "forward",
    constants: { ...constants, KIND: kindNumbers[node.attributes.kind] },
    uniforms: [u32(quadsOf(size))],
    bindings: [read(x), write(node)],
    workgroups,
    flops: 30 * size,
    bytes: 8 * size,
  }];
};

/** (x, dy) -> dx of one shape */
export const lowerGeluGrad: Lower<"geluGrad"> = (node) => {
  const [x, dy] = node.operands as readonly [Tensor, Tensor];
  const size = sizeOf(node.shape);
  const { constants, workgroups } = coverUnits(quadsOf(size));
  return [{
    kernel: "geluGrad",
    source,
    entryPoint: "backward",
    constants: { ...constants, KIND: kindNumbers[node.attributes.kind] },
    uniforms: [u32(quadsOf(size))],
    bindings: [read(x), read(dy), write(node)],
    workgroups,
    flops: 34 * size,
    bytes: 12 * size,
  }];
};
