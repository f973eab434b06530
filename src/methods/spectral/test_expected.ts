/**
 * Numbers that NumPy computed in float64 from the papers' formulas: see fixtures/methods/spectral/make.py.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { composeDelta } from "../../merge/delta.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { createMethod } from "../mod.ts";
import { runMethod, type TestRun, tinyLora } from "../test_kit.ts";

/** ΔW of some sites, row by row. */
export type ExpectedDelta = Readonly<Record<string, readonly number[]>>;

interface Expected {
  readonly adapters: readonly Readonly<
    Record<string, { readonly a: readonly number[]; readonly b: readonly number[] }>
  >[];
  readonly opcm: Readonly<
    Record<
      string,
      readonly { readonly stretch: number; readonly meanNorm: number; readonly delta: ExpectedDelta }[]
    >
  >;
  readonly knots: Readonly<Record<"site" | "model", ExpectedDelta>>;
  readonly tsv: Readonly<Record<"share" | "one", ExpectedDelta>>;
  readonly iso: { readonly delta: ExpectedDelta; readonly sigma: Readonly<Record<string, number>> };
  readonly coreTies: ExpectedDelta;
  readonly inputs: {
    readonly grams: readonly (readonly number[])[];
    readonly best: readonly number[];
    readonly bestOfRank2: readonly number[];
    readonly leastOfRank2: number;
    readonly shrunk: readonly number[];
  };
  readonly means: {
    readonly theta: readonly (readonly number[])[];
    readonly fisher: readonly (readonly number[])[];
    readonly cofima: readonly number[];
    readonly coma: readonly number[];
    readonly average: readonly number[];
  };
  readonly mergeWeight: {
    readonly theta: readonly (readonly number[])[];
    readonly fisher: readonly (readonly number[])[];
    readonly before: readonly number[];
    readonly alpha: number;
  };
  readonly slao: { readonly starts: readonly ExpectedDelta[]; readonly delta: ExpectedDelta };
}

const file = new URL("../../../fixtures/methods/spectral/expected.json", import.meta.url);

/** The numbers. */
export const expected: Expected = JSON.parse(Deno.readTextFileSync(file));

/** The adapters that NumPy merged. */
export const givenAdapters: readonly Adapter[] = expected.adapters.map((sites) => ({
  scale: tinyLora.scale,
  importance: 1,
  pairs: Object.fromEntries(
    Object.entries(sites).map(([site, { a, b }]) => [site, {
      a: hostTensor([tinyLora.rank, a.length / tinyLora.rank], Float32Array.from(a)),
      b: hostTensor([b.length / tinyLora.rank, tinyLora.rank], Float32Array.from(b)),
    }]),
  ),
}));

/** Runs a method whose trainings give those adapters. */
export function runGiven(spec: string, tasks: number): Promise<TestRun> {
  return runMethod(createMethod(spec), { tasks, train: (_, { index }) => givenAdapters[index]! });
}

/** Checks numbers up to a share of the largest. */
export function assertClose(
  found: ArrayLike<number>,
  wanted: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(found.length, wanted.length, what);
  const largest = Math.max(...Array.from(wanted, Math.abs));
  const off = Math.max(...Array.from(found, (value, i) => Math.abs(value - wanted[i]!))) / largest;
  assert.ok(off <= tolerance, `${what} is ${off} of the largest off, wanted at most ${tolerance}`);
}

/** Checks the update that was deployed; it has been rounded to float32. */
export function assertDelta(deployed: Adapter | undefined, wanted: ExpectedDelta, what: string): void {
  for (const [site, values] of Object.entries(wanted)) {
    assertClose(composeDelta(deployed!, site), values, 1e-6, `${what} at ${site}`);
  }
}
