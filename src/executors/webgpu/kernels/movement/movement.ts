/**
 * Ops that move values: all but `pad` and `concat` are one copy between two strided walks.
 *
 * @module
 */
import { broadcastStrides, sizeOf, stridesOf } from "../../../../core/shape.ts";
import { type Lower, read, u32, write } from "../../kernel.ts";
import { axisUniforms } from "../axes.ts";
import { coverUnits } from "../cover.ts";
import { copyDispatch, whole } from "./copy.ts";
import padSource from "./pad.wgsl" with { type: "text" };

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** Output axis i walks along input axis perm[i]. */
export const lowerTranspose: Lower<"transpose"> = (node) => {
  const x = node.operands[0]!;
  const strides = stridesOf(x.shape);
  const from = { tensor: x, base: 0, strides: node.attributes.perm.map((axis) => strides[axis]!) };
  return [copyDispatch("movement/transpose", node.shape, from, whole(node))];
};

/** A box that starts inside the operand. */
export const lowerSlice: Lower<"slice"> = (node) => {
  const x = node.operands[0]!;
  const strides = stridesOf(x.shape);
  const from = { tensor: x, base: dot(node.attributes.starts, strides), strides };
  return [copyDispatch("movement/slice", node.shape, from, whole(node))];
};

/** A walk that stands still on the stretched axes. */
export const lowerBroadcast: Lower<"broadcast"> = (node) => {
  const x = node.operands[0]!;
  const from = { tensor: x, base: 0, strides: broadcastStrides(x.shape, node.shape) };
  return [copyDispatch("movement/broadcast", node.shape, from, whole(node))];
};

/** Zeros around the operand. */
export const lowerPad: Lower<"pad"> = (node) => {
  const x = node.operands[0]!;
  const count = sizeOf(node.shape);
  const { constants, workgroups } = coverUnits(count);
  return [{
    kernel: "movement/pad",
    source: padSource,
    entryPoint: "pad",
    constants: { ...constants, AXES: node.shape.length },
    uniforms: [
      u32(count),
      u32(0),
      u32(0),
      u32(0),
      ...axisUniforms(node.shape),
      ...axisUniforms(node.attributes.before),
      ...axisUniforms(x.shape),
      ...axisUniforms(stridesOf(x.shape)),
    ],
    bindings: [read(x), write(node)],
    workgroups,
    bytes: 4 * (count + sizeOf(x.shape)),
  }];
};
