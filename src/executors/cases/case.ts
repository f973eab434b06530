/**
 * Vocabulary of the shared test table: what a case is, how its seeded values are drawn, how exact a backend must
 * be. Test support, imported by tests only.
 *
 * @module
 */
import { createRng, type Rng } from "../../core/rng.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import { Graph, type Program } from "../../graph/graph.ts";
import type { DType, OpName, Tensor } from "../../graph/ops.ts";
import type { Executor, HostArray } from "../executor.ts";
import { blankValues, type DeviceArray } from "../host_values.ts";

/** Values of an input or state. All `f32` values are exactly float32, so feeding them loses nothing. */
export interface CaseLeaf {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: DeviceArray;
}

/**
 * How far a float32 result may be from the reference:
 * - `exact`: not at all. For ops that move, select or compare.
 * - `element`: relative to each value. For ops of one or two roundings.
 * - `length`: relative to the largest magnitude of the tensor (at least `scale`), growing with the number of
 *   terms that are added up for one element. For everything else, since sums cancel.
 */
export type Precision = "exact" | "element" | { readonly length: number; readonly scale?: number };

/** One op at one combination of shapes and attributes. */
export interface OpCase {
  /** Unique; begins with the op. */
  readonly name: string;
  readonly op: OpName;
  readonly inputs: Readonly<Record<string, CaseLeaf>>;
  readonly states: Readonly<Record<string, CaseLeaf>>;
  readonly precision: Precision;
  /** Declares the inputs and states of the case, applies the op, names the outputs. */
  build(graph: Graph): void;
}

/** A conversation with an executor that involves more than one op or run; its results must not depend on the executor. */
export interface ProgramCase {
  readonly name: string;
  readonly precision: Precision;
  scenario(executor: Executor): Promise<Record<string, HostArray>>;
}

/** How to draw a leaf of a case. */
export interface LeafSpec {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly draw: (rng: Rng, position: number) => number;
}

/** Normally distributed values. */
export function normal(shape: Shape, mean = 0, deviation = 1): LeafSpec {
  return { shape, dtype: "f32", draw: (rng) => mean + deviation * rng.normal() };
}

/** Evenly distributed values. */
export function between(shape: Shape, low: number, high: number): LeafSpec {
  return { shape, dtype: "f32", draw: (rng) => low + (high - low) * rng.uniform() };
}

/** Multiples of 1/4 in [-2, 2]: many ties, zeros, and sums without rounding. */
export function coarse(shape: Shape): LeafSpec {
  return { shape, dtype: "f32", draw: (rng) => (rng.integer(17) - 8) / 4 };
}

/** Integers in [0, bound). */
export function integers(shape: Shape, bound: number): LeafSpec {
  return { shape, dtype: "i32", draw: (rng) => rng.integer(bound) };
}

/** Any bytes. */
export function bytes(shape: Shape): LeafSpec {
  return { shape, dtype: "u8", draw: (rng) => rng.integer(256) };
}

/** The values themselves, repeated if there are too few. */
export function given(shape: Shape, values: readonly number[], dtype: DType = "f32"): LeafSpec {
  return { shape, dtype, draw: (_, position) => values[position % values.length]! };
}

/** Draws the values of a leaf; they depend on `label` only. */
export function drawLeaf({ shape, dtype, draw }: LeafSpec, label: string): CaseLeaf {
  const rng = createRng(0, label);
  const values = blankValues(dtype, sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw(rng, i);
  return { shape, dtype, values };
}

/**
 * Makes a case.
 *
 * @param inputs Leaves that are fed
 * @param apply From the leaves to the results; a single result is called `y`
 * @param states Leaves that live on the device
 */
export function opCase<I extends string, S extends string = never>(
  op: OpName,
  name: string,
  inputs: Readonly<Record<I, LeafSpec>>,
  precision: Precision,
  apply: (leaves: Readonly<Record<I | S, Tensor>>, graph: Graph) => Tensor | Record<string, Tensor>,
  states: Readonly<Record<S, LeafSpec>> = {} as Record<S, LeafSpec>,
): OpCase {
  const fullName = `${op} ${name}`;
  const draw = (specs: Readonly<Record<string, LeafSpec>>) =>
    mapRecord(specs, (spec, leaf) => drawLeaf(spec, `${fullName}/${leaf}`));
  return {
    name: fullName,
    op,
    inputs: draw(inputs),
    states: draw(states),
    precision,
    build(graph) {
      const leaves = {
        ...mapRecord(inputs, ({ shape, dtype }: LeafSpec, leaf) => graph.input(leaf, shape, dtype)),
        ...mapRecord(states, ({ shape, dtype }: LeafSpec, leaf) => graph.state(leaf, shape, dtype)),
      };
      const result = apply(leaves as Record<I | S, Tensor>, graph);
      const outputs = "graph" in result ? { y: result as Tensor } : result;
      for (const [output, node] of Object.entries(outputs)) graph.output(output, node);
    },
  };
}

/** The program of a case. */
export function programOf(testCase: OpCase): Program {
  const graph = new Graph();
  testCase.build(graph);
  return graph.finish();
}

function mapRecord<A, B>(
  record: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}

/** A shape in case names: `3x5`, or `scalar`. */
export function size(shape: Shape): string {
  return shape.length === 0 ? "scalar" : shape.join("x");
}

/** More than a grid of workgroups has along one axis, and a prime. */
export const MANY_ROWS = 65_537;
