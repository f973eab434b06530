/**
 * Lowers elementwise functions. Four elements at a time wherever every operand is read in one of the simple ways
 * of `elementwise.wgsl`; the rest walks strides. A `broadcast` operand is read through, so that it is never
 * computed.
 *
 * @module
 */
import { broadcastStrides, type Shape, sizeOf } from "../../../../core/shape.ts";
import type { BinaryFn, NodeOf, Tensor, UnaryFn } from "../../../../graph/ops.ts";
import { type Dispatch, type Lower, read, u32, write } from "../../kernel.ts";
import { axisUniforms, collapse } from "../axes.ts";
import { coverUnits, quadsOf } from "../cover.ts";
import source from "./elementwise.wgsl" with { type: "text" };

const unaryNumbers: Readonly<Record<UnaryFn, number>> = {
  neg: 0,
  exp: 1,
  log: 2,
  sqrt: 3,
  reciprocal: 4,
  abs: 5,
  sign: 6,
  tanh: 7,
  erf: 8,
  relu: 9,
};

const binaryNumbers: Readonly<Record<BinaryFn, number>> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
  maximum: 4,
  minimum: 5,
  greater: 6,
  greaterEqual: 7,
  equal: 8,
};

/** (x) */
export const lowerUnary: Lower<"unary"> = (node) => {
  const { fn } = node.attributes;
  const size = sizeOf(node.shape);
  const { constants, workgroups } = coverUnits(quadsOf(size));
  return [{
    kernel: `elementwise/${fn}`,
    source,
    entryPoint: "unary",
    constants: { ...constants, FN: unaryNumbers[fn] },
    uniforms: [u32(quadsOf(size))],
    bindings: [read(node.operands[0]!), write(node)],
    workgroups,
    flops: size,
    bytes: 8 * size,
  }];
};

/** (a, b) broadcast */
export const lowerBinary: Lower<"binary"> = (node) => {
  const { fn } = node.attributes;
  return [stretched(node, fn, "binary", { FN: binaryNumbers[fn] })];
};

/** (condition, a, b) broadcast */
export const lowerWhere: Lower<"where"> = (node) => [stretched(node, "where", "where", {})];

/** The value that a broadcast operand stretches. */
function unstretched(operand: Tensor): Tensor {
  return operand.op === "broadcast" ? unstretched(operand.operands[0]!) : operand;
}

function stretched(
  node: NodeOf<"binary"> | NodeOf<"where">,
  name: string,
  entry: "binary" | "where",
  constants: Readonly<Record<string, number>>,
): Dispatch {
  const operands = node.operands.map(unstretched);
  const strides = operands.map(({ shape }) => broadcastStrides(shape, node.shape));
  const size = sizeOf(node.shape);
  const ways = strides.map((own) => wayOf(node.shape, own));
  const common = {
    kernel: `elementwise/${name}`,
    source,
    bindings: [...operands.map(read), write(node)],
    flops: size,
    bytes: 4 * operands.reduce((sum, { shape }) => sum + sizeOf(shape), size),
  };
  if (ways.every((way) => way !== undefined)) {
    const cover = coverUnits(quadsOf(size));
    const [A, B, C] = ways.map(({ way }) => way);
    return {
      ...common,
      entryPoint: `${entry}4`,
      constants: { ...cover.constants, ...constants, A: A!, B: B!, ...(C === undefined ? {} : { C }) },
      uniforms: [
        u32(quadsOf(size)),
        ...[0, 1, 2].flatMap((i) => [u32(ways[i]?.divisor ?? 1), u32(ways[i]?.period ?? 1)]),
      ],
      workgroups: cover.workgroups,
    };
  }
  const walk = collapse(node.shape, strides);
  const cover = coverUnits(size);
  return {
    ...common,
    entryPoint: `${entry}1`,
    constants: { ...cover.constants, ...constants, AXES: walk.sizes.length },
    uniforms: [
      u32(size),
      u32(0),
      u32(0),
      u32(0),
      ...axisUniforms(walk.sizes),
      ...[0, 1, 2].flatMap((i) => axisUniforms(walk.strides[i] ?? [])),
    ],
    workgroups: cover.workgroups,
  };
}

const SAME = 0;
const REPEAT = 1;
const SPLAT = 2;

/** How to read an operand in fours; see `Cycles` in the WGSL. `undefined` if it takes strides. */
function wayOf(
  shape: Shape,
  strides: readonly number[],
): { readonly way: number; readonly divisor: number; readonly period: number } | undefined {
  const { sizes, strides: [own] } = collapse(shape, [strides]);
  const pattern = own!.map((stride) => stride === 0 ? "0" : "1").join("");
  switch (pattern) {
    case "":
    case "0":
      return { way: SPLAT, divisor: 1, period: 1 };
    case "1":
      return { way: SAME, divisor: 1, period: 1 };
    case "01":
      return sizes[1]! % 4 === 0 ? { way: REPEAT, divisor: 1, period: sizes[1]! / 4 } : undefined;
    case "10":
      return splat(sizes[0]!, sizes[1]!);
    case "010":
      return splat(sizes[1]!, sizes[2]!);
    default:
      return undefined;
  }
}

function splat(period: number, each: number) {
  return each % 4 === 0 ? { way: SPLAT, divisor: each / 4, period } : undefined;
}
