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
