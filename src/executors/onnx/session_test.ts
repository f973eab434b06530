import { mul } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import assert from "node:assert/strict";
import { loadRuntime } from "./session.ts";

Deno.test({
  name: "loadRuntime() prefers the native library, and uses all cores",
  permissions: { ffi: true, read: false },
  fn: async () => {
    const { flavour, threads, version } = await loadRuntime("auto");
    assert.equal(flavour, "node");
    assert.equal(threads, navigator.hardwareConcurrency);
    assert.match(version, /^\d+\.\d+\.\d+/);
  },
});

Deno.test("loadRuntime() refuses impossible thread counts", async () => {
  await assert.rejects(() => loadRuntime("node", 0), /Cannot use 0 threads: wanted a positive integer/);
  await assert.rejects(() => loadRuntime("node", 1.5), /Cannot use 1.5 threads/);
  await assert.rejects(() => loadRuntime("web", 2), /Cannot use 2 threads: onnxruntime-web runs on one/);
});

Deno.test("the WebAssembly build leaves the standard Worker in its place", async () => {
  const { Worker } = globalThis;
  const { createOnnxExecutor } = await import("./executor.ts");
  const executor = await createOnnxExecutor({ flavour: "web" });
  const program = trace((graph) => graph.output("y", mul(graph.input("x", [1]), 2)));
  const executable = await executor.compile(program, {});
  assert.equal((await executable.run({ x: Float32Array.of(3) }, ["y"])).y![0], 6);
  assert.equal(globalThis.Worker, Worker);
  executable.dispose();
  await executor.dispose();
});
