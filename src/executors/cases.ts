/**
 * The shared test table of executors: every op over awkward shapes, whole programs, and the comparison with the
 * reference. A backend's test is one loop:
 *
 * ```ts
 * for (const testCase of [...opCases, ...programCases]) {
 *   Deno.test(`onnx ${testCase.name}`, () => checkAgainstReference(executor, testCase));
 * }
 * ```
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { OpName } from "../graph/ops.ts";
import { type OpCase, type Precision, type ProgramCase, programOf } from "./cases/case.ts";
import { bytesCases, bytesPrograms } from "./cases/bytes.ts";
import { contractionCases } from "./cases/contraction.ts";
import { elementwiseCases } from "./cases/elementwise.ts";
import { layerCases } from "./cases/layers.ts";
import { movementCases } from "./cases/movement.ts";
import { programCases as generalPrograms } from "./cases/programs.ts";
import { trainingCases } from "./cases/training.ts";
import type { Executor, HostArray } from "./executor.ts";
import { createReferenceExecutor } from "./reference/executor.ts";

export { type OpCase, type Precision, type ProgramCase, programOf } from "./cases/case.ts";

/** Cases by op: a missing op is a type error. */
export const casesByOp: { readonly [K in OpName]: readonly OpCase[] } = {
  ...elementwiseCases,
  ...movementCases,
  ...contractionCases,
  ...layerCases,
  ...trainingCases,
  ...bytesCases,
};

/** All cases of single ops. */
export const opCases: readonly OpCase[] = Object.values(casesByOp).flat();

/** All cases of whole programs. */
export const programCases: readonly ProgramCase[] = [...generalPrograms, ...bytesPrograms];

const EPSILON = 2 ** -23;
/** Room for the differences between correct implementations, such as WGSL's 2.5 units in the last place for a division. */
const SAFETY = 16;
/** Below float32's normal range devices may flush to zero. */
const TINY = 1e-37;

/**
 * Largest allowed error of one value.
 *
 * Rounding errors of a sum of n terms of mixed sign grow like √n in units of the terms, and so does the sum itself;
 * hence relative to the largest magnitude of the tensor the bound is ε √n times a safety factor.
 *
 * @param tolerance Overrides the bound, relative to the largest magnitude
 */
function bound(wanted: HostArray, precision: Precision, tolerance?: number): (i: number) => number {
  let largest = 0;
  for (const value of wanted) largest = Math.max(largest, Math.abs(value));
  if (tolerance !== undefined) return () => tolerance * largest + TINY;
  if (precision === "exact") return () => 0;
  if (precision === "element") return (i) => SAFETY * EPSILON * Math.abs(wanted[i]!) + TINY;
  const { length, scale = 0 } = precision;
  const limit = SAFETY * EPSILON * (1 + Math.sqrt(length)) * Math.max(largest, scale);
  return () => limit + TINY;
}

/** Fails with the first differing values if `found` is too far from `wanted`. */
export function assertClose(
  what: string,
  found: HostArray,
  wanted: HostArray,
  precision: Precision,
  tolerance?: number,
): void {
  assert.equal(found.length, wanted.length, `${what}: number of values`);
  assert.equal(found instanceof Int32Array, wanted instanceof Int32Array, `${what}: integers or not`);
  assert.equal(found instanceof Uint8Array, wanted instanceof Uint8Array, `${what}: bytes or not`);
  const allowed = bound(wanted, precision, tolerance);
  const wrong: number[] = [];
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const error = Object.is(found[i], wanted[i]) ? 0 : Math.abs(found[i]! - wanted[i]!);
    // Written so that NaN counts as wrong.
    if (!(error <= allowed(i))) wrong.push(i);
    if (!(error <= worst)) worst = error;
  }
  if (wrong.length === 0) return;
  const shown = wrong.slice(0, 5).map((i) =>
    `at ${i} found ${found[i]}, wanted ${wanted[i]} ± ${allowed(i).toExponential(1)}`
  );
  throw new assert.AssertionError({
    message: `${what}: ${wrong.length} of ${wanted.length} values differ, max error ${worst}; ${
      shown.join("; ")
    }`,
  });
}

function isOpCase(testCase: OpCase | ProgramCase): testCase is OpCase {
  return "op" in testCase;
}

/** Runs an op case twice; the runs must agree bit for bit. */
async function playOpCase(executor: Executor, testCase: OpCase): Promise<Record<string, HostArray>> {
  const program = programOf(testCase);
  const states = Object.fromEntries(
    Object.entries(testCase.states).map(([label, leaf]) => [label, executor.tensor({ ...leaf, label })]),
  );
  const executable = await executor.compile(program, states);
  try {
    const inputs = Object.fromEntries(
      Object.entries(testCase.inputs).map(([name, { values }]) => [name, values]),
    );
    const names = Object.keys(program.outputs);
    const results = await executable.run(inputs, names);
    for (const [name, again] of Object.entries(await executable.run(inputs, names))) {
      assertClose(`${testCase.name}, ${name} of a second run`, again, results[name]!, "exact");
    }
    return results;
  } finally {
    executable.dispose();
    for (const tensor of Object.values(states)) tensor.dispose();
  }
}

function play(executor: Executor, testCase: OpCase | ProgramCase): Promise<Record<string, HostArray>> {
  return isOpCase(testCase) ? playOpCase(executor, testCase) : testCase.scenario(executor);
}

/** How to compare. */
export interface CheckOptions {
  /** Allowed error relative to the largest magnitude of a tensor, instead of the bound of the case. */
  readonly tolerance?: number;
}

/**
 * Runs a case on an executor and on the reference and compares every output.
 *
 * @throws {AssertionError} If an output differs by more than the case allows, or two runs differ at all
 */
export async function checkAgainstReference(
  executor: Executor,
  testCase: OpCase | ProgramCase,
  { tolerance }: CheckOptions = {},
): Promise<void> {
  const wanted = await play(createReferenceExecutor(), testCase);
  const found = await play(executor, testCase);
  assert.deepEqual(
    Object.keys(found).sort(),
    Object.keys(wanted).sort(),
    `${testCase.name}: names of outputs`,
  );
  for (const [name, values] of Object.entries(wanted)) {
    const what = `${executor.info.backend} ${testCase.name}, output "${name}"`;
    assertClose(what, found[name]!, values, testCase.precision, tolerance);
  }
}
