import assert from "node:assert/strict";
import { BackendUnavailableError } from "../../core/errors.ts";
import { loadRuntime } from "./session.ts";

// In a file of its own: a library whose loading was denied once cannot be loaded again in the same process.

Deno.test({
  name: "loadRuntime() says why neither build can be loaded",
  permissions: { ffi: false, read: false },
  fn: () =>
    assert.rejects(
      () => loadRuntime("auto"),
      (error) =>
        error instanceof BackendUnavailableError &&
        /onnxruntime-node: .*ffi access.*; onnxruntime-web: .*read access/s.test(error.message),
    ),
});

Deno.test({
  name: "loadRuntime() takes WebAssembly where the native library may not be loaded",
  permissions: { ffi: false, read: true },
  fn: async () => {
    const { flavour, threads, fillsOutputs } = await loadRuntime("auto");
    assert.deepEqual({ flavour, threads, fillsOutputs }, { flavour: "web", threads: 1, fillsOutputs: false });
  },
});
