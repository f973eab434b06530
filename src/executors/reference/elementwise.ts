/**
 * Elementwise ops with broadcasting.
 *
 * @module
 */
import { broadcastStrides, sizeOf } from "../../core/shape.ts";
import type { BinaryFn, UnaryFn } from "../../graph/ops.ts";
import { erf } from "./erf.ts";
import { offsets } from "./offsets.ts";
import type { Evaluate } from "./values.ts";

const unaryFns: { readonly [F in UnaryFn]: (x: number) => number } = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  abs: Math.abs,
  sign: Math.sign,
  tanh: Math.tanh,
  erf,
  relu: (x) => Math.max(x, 0),
};

const binaryFns: { readonly [F in BinaryFn]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
  greater: (a, b) => a > b ? 1 : 0,
  greaterEqual: (a, b) => a >= b ? 1 : 0,
  equal: (a, b) => a === b ? 1 : 0,
};

export const unary: Evaluate<"unary"> = ({ attributes: { fn } }, [x]) => {
  const apply = unaryFns[fn];
  const result = new Float64Array(x!.length);
  for (let i = 0; i < result.length; i++) result[i] = apply(x![i]!);
  return result;
};

export const binary: Evaluate<"binary"> = ({ attributes: { fn }, operands, shape }, [a, b]) => {
  const apply = binaryFns[fn];
  const [atA, atB] = operands.map((operand) => offsets(shape, broadcastStrides(operand.shape, shape)));
  const result = new Float64Array(sizeOf(shape));
  for (let i = 0; i < result.length; i++) result[i] = apply(a![atA![i]!]!, b![atB![i]!]!);
  return result;
};

export const where: Evaluate<"where"> = ({ operands, shape }, [condition, a, b]) => {
  const [atCondition, atA, atB] = operands.map((operand) =>
    offsets(shape, broadcastStrides(operand.shape, shape))
  );
  const result = new Float64Array(sizeOf(shape));
  for (let i = 0; i < result.length; i++) {
    result[i] = condition![atCondition![i]!] !== 0 ? a![atA![i]!]! : b![atB![i]!]!;
  }
  return result;
};
