import assert from "node:assert/strict";
import { BackendUnavailableError } from "../core/errors.ts";
import { fromBytes } from "../graph/functions.ts";
import { trace } from "../graph/graph.ts";
import type { BackendName, Executor } from "./executor.ts";
import { blankValues, checkBytes } from "./host_values.ts";
import { createExecutor } from "./select.ts";
import { createWebGpuExecutor } from "./webgpu/executor.ts";
import { gpuTest } from "./webgpu/testing.ts";

Deno.test("blankValues() gives zeros of the type", () => {
  assert.deepEqual(blankValues("f32", 2), new Float32Array(2));
  assert.deepEqual(blankValues("i32", 2), new Int32Array(2));
  assert.deepEqual(blankValues("u8", 2), new Uint8Array(2));
});

Deno.test("checkBytes() wants bytes for u8, and anything for other types", () => {
  checkBytes("write w", "u8", new Uint8Array(1));
  checkBytes("write w", "f32", new Uint8Array(1));
  checkBytes("write w", "i32", new Float64Array(1));
  assert.throws(
    () => checkBytes("write w", "u8", new Int32Array(1)),
    /^TypeError: Cannot write w: found Int32Array, wanted Uint8Array for u8/,
  );
});

const program = trace((graph) => {
  graph.output("y", fromBytes(graph.input("x", [2], "u8")));
  graph.state("s", [2], "u8");
  graph.update("s", graph.input("z", [2], "u8"));
  graph.output("f", graph.input("f", [3]));
});

/** What all executors do with other numbers in place of bytes, and with bytes in place of other numbers. */
async function checkExecutor(executor: Executor): Promise<void> {
  const numbers = Float32Array.of(1, 300);
  const message = /^TypeError: Cannot write .*images.*: found Float32Array, wanted Uint8Array for u8/;
  const options = { shape: [2], dtype: "u8", label: "images" } as const;
  assert.throws(() => executor.tensor({ ...options, values: numbers }), message);
  const s = executor.tensor({ ...options, values: Uint8Array.of(7, 255) });
  assert.throws(() => s.write(numbers), message);
  assert.deepEqual(await s.read(), Uint8Array.of(7, 255));
  await assert.rejects(
    () => executor.compile(program, { s: executor.tensor({ shape: [2], dtype: "i32" }) }),
    /Cannot bind state "s": found i32\[2\], wanted u8\[2\]/,
  );
  const executable = await executor.compile(program, { s });
  const z = Uint8Array.of(9, 8);
  const f = Uint8Array.of(1, 2, 3);
  await assert.rejects(
    () => executable.run({ x: numbers, z, f }, ["y"]),
    /^TypeError: Cannot run with input "x": found Float32Array, wanted Uint8Array for u8/,
  );
  assert.deepEqual(await s.read(), Uint8Array.of(7, 255), "a refused run must update nothing");
  const { f: found, y } = await executable.run({ x: z, z, f }, ["f", "y"]);
  assert.deepEqual([[...found!], [...y!]], [[1, 2, 3], [9, 8]]);
  assert.deepEqual(await s.read(), z);
  executable.dispose();
  s.dispose();
}

for (const backend of ["reference", "onnx-node", "onnx-web"] as const satisfies readonly BackendName[]) {
  const executor = await createExecutor(backend).catch((error) => {
    if (error instanceof BackendUnavailableError) return error;
    throw error;
  });
  const ignore = executor instanceof BackendUnavailableError;
  const name = `${backend} takes bytes, and only bytes, for u8`;
  Deno.test({
    name: ignore ? `${name} (${executor.message})` : name,
    ignore,
    fn: async () => {
      if (ignore) return;
      await checkExecutor(executor.executor);
      await executor.executor.dispose();
    },
  });
}

gpuTest("webgpu takes bytes, and only bytes, for u8", async (gpu) => {
  await checkExecutor(await createWebGpuExecutor({ gpu }));
});
