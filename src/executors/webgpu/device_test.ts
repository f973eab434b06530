import assert from "node:assert/strict";
import { BackendUnavailableError } from "../../core/errors.ts";
import { acquireGpu, isSoftware } from "./device.ts";
import { gpuTest } from "./testing.ts";

function fakeGpu(adapter: Partial<GPUAdapter> | null): GPU {
  return { requestAdapter: () => Promise.resolve(adapter) } as unknown as GPU;
}

Deno.test("isSoftware() knows the drivers that compute on the CPU", () => {
  for (
    const description of [
      "llvmpipe (LLVM 15.0.6, 256 bits)",
      "SwiftShader Device (Subzero)",
      "Microsoft Basic Render Driver",
    ]
  ) {
    assert.ok(isSoftware({ vendor: "x", architecture: "", description }), description);
  }
  assert.ok(isSoftware({ vendor: "google", architecture: "swiftshader" }));
  assert.ok(!isSoftware({ vendor: "nvidia", architecture: "hopper", description: "NVIDIA H100" }));
});

Deno.test("acquireGpu() says in one sentence that there is no adapter", async () => {
  await assert.rejects(acquireGpu(fakeGpu(null)), (error) => {
    assert.ok(error instanceof BackendUnavailableError);
    assert.match(error.message, /^Cannot use WebGPU: no adapter found/);
    return true;
  });
});

Deno.test("acquireGpu() says why an adapter gives no device", async () => {
  const adapter = {
    features: new Set() as unknown as GPUSupportedFeatures,
    limits: {} as GPUSupportedLimits,
    info: { vendor: "acme", architecture: "", device: "", description: "" } as GPUAdapterInfo,
    requestDevice: () => Promise.reject(new Error("too busy")),
  };
  await assert.rejects(acquireGpu(fakeGpu(adapter)), /adapter "acme" gives no device \(too busy\)/);
});

gpuTest("acquireGpu() requests the limits of the adapter and describes it", async (shared) => {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const { limits, description, features } = shared.description;
  assert.equal(limits.maxStorageBufferBindingSize, adapter.limits.maxStorageBufferBindingSize);
  assert.equal(shared.device.limits.maxBufferSize, adapter.limits.maxBufferSize);
  assert.equal(shared.hasTimestamps, features.includes("timestamp-query"));
  assert.notEqual(description, "");
});

gpuTest("Gpu.guard() keeps an error for the next check, with the action that failed", async (gpu) => {
  gpu.guard("make a buffer", () => gpu.device.createBuffer({ size: 16, usage: 0 }));
  await assert.rejects(gpu.settle(), /^Error: Cannot make a buffer: /);
  await gpu.settle();
});

gpuTest("Gpu.check() reports a device that is lost or disposed of", async () => {
  const gpu = await acquireGpu();
  gpu.check();
  gpu.device.destroy();
  await gpu.device.lost;
  assert.throws(() => gpu.check(), /^Error: Cannot use the GPU: the device was lost \(/);
  const other = await acquireGpu();
  other.dispose();
  assert.throws(() => other.check(), /^Error: Cannot use the GPU: the device was disposed of$/);
});
