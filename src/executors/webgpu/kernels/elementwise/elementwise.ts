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
const SPLAT_REPEAT = 3;
const SCALAR = 4;

/** One of the ways in which the WGSL reads an operand in fours. Unused numbers are 1. */
interface Way {
  readonly way: number;
  readonly divisor: number;
  readonly period: number;
}

/** How to read an operand in fours; `undefined` if it takes strides. */
function wayOf(shape: Shape, strides: readonly number[]): Way | undefined {
  const { sizes, strides: [own] } = collapse(shape, [strides]);
  const pattern = own!.map((stride) => stride === 0 ? "0" : "1").join("");
  const [, second = 1, third = 1] = sizes;
  switch (pattern) {
    case "":
    case "0":
      return { way: SCALAR, divisor: 1, period: 1 };
    case "1":
      return { way: SAME, divisor: 1, period: 1 };
    case "01":
      return second % 4 === 0 ? { way: REPEAT, divisor: 1, period: second / 4 } : undefined;
    case "10":
      return second % 4 === 0 ? { way: SPLAT, divisor: second / 4, period: 1 } : undefined;
    case "010":
      return third % 4 === 0 ? { way: SPLAT_REPEAT, divisor: third / 4, period: second } : undefined;
    default:
      return undefined;
  }
}
