/**
 * Numbers made by NumPy and PyTorch (`fixtures/methods/projected/make.py`), and how tests get at graphs and updates.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";
import { composeDelta } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import type { Named } from "../../train/table.ts";
import { tinyConfig, tinyLora } from "../test_kit.ts";

/** A matrix, row by row. */
export type Rows = number[][];

interface Step {
  readonly kind: "remove" | "retain";
  readonly columns: number;
  readonly projector: Rows;
}

interface Numbers {
  readonly inflora: {
    readonly second: Rows;
    readonly span: Rows;
    readonly free: Rows;
    readonly beside: Rows;
  };
  readonly growth: {
    readonly moments: Rows[];
    readonly shares: number[];
    readonly inflora: Step[];
    readonly gpm: Step[];
  };
  readonly nsp: {
    readonly second: Rows;
    readonly soft: Rows;
    readonly strong: Rows;
    readonly hard: Rows;
    readonly harder: Rows;
  };
  readonly drs: {
    readonly second: Rows;
    readonly space: Rows;
    readonly most: Rows;
    readonly p: Rows;
    readonly start: Readonly<Record<"a" | "b" | "wide", Rows>>;
    readonly pulls: Readonly<Record<"a" | "b" | "wide", Rows>>;
    readonly after: Readonly<Record<"a" | "b" | "wide", Rows>>;
    readonly features: Rows;
    readonly labels: number[];
    readonly means: Rows;
    readonly triplets: {
      readonly chosen: number[];
      readonly margin: number;
      readonly loss: number;
      readonly slope: Rows;
    }[];
  };
  readonly bilora: {
    readonly rows: number;
    readonly columns: number;
    readonly alpha: number;
    readonly at: number[];
    readonly coefficients: number[];
    readonly update: Rows;
    readonly paperCount: number;
    readonly paperAlpha: number;
  };
  readonly e2: {
    readonly covariance: Rows;
    readonly update: Rows;
    readonly energies: number[];
    readonly leading: Rows;
    readonly count: number;
    readonly rows: Rows;
    readonly seconds: number[];
    readonly ratio: number;
    readonly spectra: number[][];
    readonly kept: number[][];
  };
  readonly shared: { readonly a: Rows; readonly b: Rows; readonly operator: Rows }[];
}

/** See the module. */
export const numbers: Numbers = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/projected/numbers.json", import.meta.url)),
);

/** Rows as a tensor. */
export function tensor(rows: Rows): HostTensor {
  return hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));
}

/** Checks numbers one by one, beside the largest that is wanted. */
export function assertClose(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-6): void {
  assert.equal(found.length, wanted.length);
  const size = Math.max(1e-30, ...Array.from(wanted, Math.abs));
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(found[i]! - wanted[i]!) / size;
    assert.ok(error < tolerance, `[${i}] is ${found[i]}, wanted ${wanted[i]}`);
  }
}

/** What a graph makes of tensors, in float64. */
export async function computed(
  values: NamedTensors,
  build: (tensors: Named) => Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, ArrayLike<number>>>> {
  const program = trace((graph) => {
    const inputs = Object.entries(values).map(([name, { shape }]) =>
      [name, graph.input(name, shape)] as const
    );
    for (const [name, output] of Object.entries(build(Object.fromEntries(inputs)))) {
      graph.output(name, output);
    }
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const feeds = Object.entries(values).map(([name, { data }]) => [name, data] as const);
  return await executable.run(Object.fromEntries(feeds), Object.keys(program.outputs));
}

/** By how much the update of a site grew. */
export function growthOf(before: Adapter | undefined, after: Adapter, site: string): Matrix {
  const { inputs, outputs } = loraSites(tinyConfig, tinyLora.targets).find(({ name }) => name === site)!;
  const old = before ? composeDelta(before, site) : new Float64Array(outputs * inputs);
  const values = composeDelta(after, site).map((value, i) => value - old[i]!);
  return Matrix.from1DArray(outputs, inputs, values);
}

/** The share of a matrix's norm that is left after a product with another. */
export function shareThrough(matrix: Matrix, other: Matrix): number {
  return matrix.mmul(other).norm("frobenius") / matrix.norm("frobenius");
}
