/**
 * Graphs of a few tensors on the reference executor, and the numbers that NumPy and PyTorch gave.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { trace } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/ops.ts";

/** Rows of numbers, as JSON holds them. */
export type Rows = readonly (readonly number[])[];

/** What the script in `fixtures/methods/replay` printed. */
export const expected = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/replay/expected.json", import.meta.url)),
);

/** Rows as a tensor [rows, columns]. */
export function rowsTensor(rows: Rows): HostTensor {
  return hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));
}

/** Numbers as a tensor with one axis. */
export function vector(values: readonly number[]): HostTensor {
  return hostTensor([values.length], Float32Array.from(values));
}

/** Outputs of a graph of some inputs; an input of integers is i32. */
export async function compute<Name extends string>(
  inputs: Readonly<Record<Name, HostTensor | Int32Array>>,
  build: (inputs: Readonly<Record<Name, Tensor>>) => Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Float32Array>>> {
  const entries = Object.entries<HostTensor | Int32Array>(inputs);
  const program = trace((graph) => {
    const tensors = entries.map(([name, value]) => [
      name,
      value instanceof Int32Array ? graph.input(name, [value.length], "i32") : graph.input(name, value.shape),
    ]);
    for (const [name, tensor] of Object.entries(build(Object.fromEntries(tensors)))) {
      graph.output(name, tensor);
    }
  });
  const executable = await createReferenceExecutor().compile(program, {});
  const feeds = entries.map(([name, value]) => [name, value instanceof Int32Array ? value : value.data]);
  const outputs = await executable.run(Object.fromEntries(feeds), Object.keys(program.outputs));
  return outputs as Readonly<Record<string, Float32Array>>;
}

/** Asserts that numbers are near others. */
export function assertNear(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-5): void {
  assert.equal(found.length, wanted.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(found[i]! - wanted[i]!) <= tolerance, `${i}: ${found[i]}, wanted ${wanted[i]}`);
  }
}
