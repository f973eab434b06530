/**
 * Tests that need a GPU. Without an adapter they are reported as ignored, or fail if `REQUIRE_WEBGPU=1` says that
 * there must be one. Any validation error fails a test, even if the numbers are right.
 *
 * @module
 */
import { BackendUnavailableError } from "../../core/errors.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import type { OpName } from "../../graph/ops.ts";
import { casesByOp, checkAgainstReference, type OpCase } from "../cases.ts";
import type { Executor, HostArray } from "../executor.ts";
import { acquireGpu, type Gpu } from "./device.ts";
import { createWebGpuExecutor } from "./executor.ts";

/** One device for a test file, or why there is none. */
const shared: Gpu | BackendUnavailableError = await acquireGpu().catch((error) => {
  if (error instanceof BackendUnavailableError) return error;
  throw error;
});

/** Registers a test of GPU code. */
export function gpuTest(name: string, fn: (gpu: Gpu) => Promise<void> | void): void {
  if (shared instanceof BackendUnavailableError) {
    const required = Deno.env.get("REQUIRE_WEBGPU") === "1";
    Deno.test({
      name: `${name} (no WebGPU adapter)`,
      ignore: !required,
      fn: () => {
        throw shared;
      },
    });
    return;
  }
  Deno.test(name, async () => {
    shared.device.pushErrorScope("internal");
    shared.device.pushErrorScope("out-of-memory");
    shared.device.pushErrorScope("validation");
    const scopes: Promise<GPUError | null>[] = [];
    try {
      await fn(shared);
      await shared.settle();
    } finally {
      for (let i = 0; i < 3; i++) scopes.push(shared.device.popErrorScope());
    }
    const errors = (await Promise.all(scopes)).flatMap((error) => error ? [error.message] : []);
    if (errors.length > 0) throw new Error(`The GPU reported errors:\n${errors.join("\n")}`);
  });
}

/**
 * Holds kernels against the reference: the shared cases of some ops, under the rules of both kinds of adapter and
 * with each set of forced variants.
 */
export function kernelTests(ops: readonly OpName[], variantSets?: readonly VariantSet[]): void {
  caseTests(ops.flatMap((op) => casesByOp[op]), variantSets);
}

/** Variants to force, by family. */
export type VariantSet = Readonly<Record<string, string>>;

/** The same for other cases. */
export function caseTests(cases: readonly OpCase[], variantSets: readonly VariantSet[] = [{}]): void {
  for (const profile of ["software", "hardware"] as const) {
    for (const variants of variantSets) {
      const forced = Object.entries(variants).map((pair) => pair.join("=")).join(" ");
      let executor: Promise<Executor> | undefined;
      for (const testCase of cases) {
        gpuTest(`webgpu ${testCase.name} (${[profile, forced].join(" ").trim()})`, async (gpu) => {
          executor ??= createWebGpuExecutor({ gpu, profile, variants });
          await checkAgainstReference(await executor, testCase);
        });
      }
    }
  }
}

/** Traces a program and runs it once; returns all outputs. */
export async function evaluate(
  executor: Executor,
  inputs: Readonly<Record<string, HostArray>>,
  build: (graph: Graph) => void,
): Promise<Record<string, HostArray>> {
  const program = trace(build);
  const executable = await executor.compile(program, {});
  try {
    return await executable.run(inputs, Object.keys(program.outputs));
  } finally {
    executable.dispose();
  }
}
