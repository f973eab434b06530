/**
 * The definition of every primitive op. Composite ops mean their expansion into these.
 *
 * @module
 */
import { hash32, hashToUnit } from "../../core/rng.ts";
import { sizeOf } from "../../core/shape.ts";
import type { NodeOf, PrimitiveName } from "../../graph/ops.ts";
import { binary, unary, where } from "./elementwise.ts";
import { broadcast, concat, gather, oneHot, pad, reshape, scatterAdd, slice, transpose } from "./movement.ts";
import { matmul, reduce, softmax, topKThreshold } from "./reductions.ts";
import type { Bindings, Evaluate, Values } from "./values.ts";

const primitives = {
  input: ({ attributes: { name } }, _, { inputs }) => inputs[name]!,
  state: ({ attributes: { name } }, _, { states }) => states[name]!,
  constant: ({ attributes: { data } }) => data,
  uniform: ({ attributes: { seed, shape } }) =>
    Float64Array.from({ length: sizeOf(shape) }, (_, i) => hashToUnit(hash32(seed, i))),
  unary,
  binary,
  where,
  reduce,
  matmul,
  reshape,
  transpose,
  slice,
  pad,
  concat,
  broadcast,
  gather,
  scatterAdd,
  oneHot,
  fromBytes: (_, [x]) => Float64Array.from(x!),
  softmax,
  topKThreshold,
} satisfies { readonly [K in PrimitiveName]: Evaluate<K> };

/** The value of a primitive node from the values of its operands. */
export function evaluate(
  node: NodeOf<PrimitiveName>,
  operands: readonly Values[],
  bindings: Bindings,
): Values {
  return (primitives[node.op] as Evaluate<PrimitiveName>)(node, operands, bindings);
}
