/**
 * Ops that move values: all but `pad` are one copy between two strided walks, of four elements at a time where
 * both walks allow it. `concat` is one such copy per operand.
 *
 * @module
 */
import { broadcastStrides, type Shape, sizeOf, stridesOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { axisUniforms, collapse } from "../axes.ts";
import { coverUnits } from "../cover.ts";
import padSource from "./pad.wgsl" with { type: "text" };
import stridedSource from "./strided.wgsl" with { type: "text" };

/** One end of a copy. */
interface End {
  readonly tensor: Tensor;
  readonly base: number;
  readonly strides: readonly number[];
}

function copyDispatch(kernel: string, box: Shape, from: End, to: End): Dispatch {
  const walk = collapse(box, [from.strides, to.strides]);
  const sizes = walk.sizes.length > 0 ? walk.sizes : [1];
  const [fromStrides, toStrides] = walk.strides as [readonly number[], readonly number[]];
  const last = sizes.length - 1;
  const inner = [fromStrides[last] ?? 1, toStrides[last] ?? 1];
  const steps = [from.base, to.base, sizes[last]!, ...fromStrides.slice(0, -1), ...toStrides.slice(0, -1)];
  const fours = inner.every((stride) => stride === 1) && steps.every((step) => step % 4 === 0);
  // Where four elements move at once, everything counts in fours but the strides of the innermost axis.
  const scale = (values: readonly number[]) =>
    fours ? values.map((v, axis) => axis === last ? v : v / 4) : values;
  const base = (end: End) => u32(fours ? end.base / 4 : end.base);
  const count = sizeOf(sizes) / (fours ? 4 : 1);
  const { constants, workgroups } = coverUnits(count);
  return {
    kernel,
    source: stridedSource,
    entryPoint: fours ? "copy4" : "copy1",
    constants: { ...constants, AXES: sizes.length },
    uniforms: [
      u32(count),
      base(from),
      base(to),
      u32(0),
      ...axisUniforms(fours ? sizes.map((size, axis) => axis === last ? size / 4 : size) : sizes),
      ...axisUniforms(scale(fromStrides)),
      ...axisUniforms(scale(toStrides)),
    ],
    bindings: [read(from.tensor), write(to.tensor)],
    workgroups,
    bytes: 8 * sizeOf(box),
  };
}

function whole(tensor: Tensor): End {
  return { tensor, base: 0, strides: stridesOf(tensor.shape) };
}

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

/** Each operand is copied to its part of the output. */
export const lowerConcat: Lower<"concat"> = (node) => {
  const { axis } = node.attributes;
  const strides = stridesOf(node.shape);
  let start = 0;
  return node.operands.map((x) => {
    const to = { tensor: node, base: start * strides[axis]!, strides };
    start += x.shape[axis]!;
    return copyDispatch("movement/concat", x.shape, whole(x), to);
  });
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
