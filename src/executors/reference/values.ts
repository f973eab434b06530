/**
 * What flows through the reference: values of tensors, and the shape of a function that evaluates one op.
 *
 * @module
 */
import type { NodeOf, PrimitiveName } from "../../graph/ops.ts";

/** Values of one tensor: float64 for `f32`, integers for `i32`, bytes for `u8`. */
export type Values = Float64Array | Int32Array | Uint8Array;

/** What the leaves of a program are bound to in one run. */
export interface Bindings {
  readonly inputs: Readonly<Record<string, Values>>;
  readonly states: Readonly<Record<string, Values>>;
}

/** The value of a node from the values of its operands, which it must not change. It may return one of them. */
export type Evaluate<K extends PrimitiveName> = (
  node: NodeOf<K>,
  operands: readonly Values[],
  bindings: Bindings,
) => Values;

/** Uninitialised values of the type of `values`. */
export function like(values: Values, size: number): Values {
  return values instanceof Int32Array ? new Int32Array(size) : new Float64Array(size);
}
