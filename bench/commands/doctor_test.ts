import assert from "node:assert/strict";
import { doctor, driverName, graphicsInterface } from "./doctor.ts";
import { callCommand } from "../test_kit.ts";

const call = (...args: string[]) => callCommand(doctor, args);

Deno.test("doctor describes every part of the machine, present or not, and exits with 0", async () => {
  const { code, out, err } = await call();
  assert.deepEqual([code, err], [0, ""]);
  const [versions, machine, ...rest] = out.trimEnd().split("\n");
  assert.match(versions!, /^ham-bench \d.*, deno \d.*, v8 \d/);
  assert.match(machine!, new RegExp(`^${Deno.build.target}, \\d+ cores?$`));
  for (const part of ["WebGPU: ", "ONNX Runtime, native", "ONNX Runtime, WebAssembly", "--backend auto "]) {
    assert.equal(rest.filter((line) => line.startsWith(part)).length, 1, part);
  }
});

Deno.test("doctor --json has the measured wait, limits and variants of an adapter, or the reason for none", async () => {
  const { code, out } = await call("--json");
  assert.equal(code, 0);
  const { webgpu, onnx, auto, cores } = JSON.parse(out);
  assert.equal(cores, navigator.hardwareConcurrency);
  if (webgpu.available) {
    assert.ok(webgpu.syncMilliseconds > 0 && webgpu.syncMilliseconds < 1000);
    assert.ok(webgpu.limits.maxBufferSize >= 2 ** 28);
    assert.ok(Object.keys(webgpu.variants).some((question) => question.startsWith("matmul ")));
    assert.equal(typeof webgpu.software, "boolean");
    assert.equal(webgpu.driver, driverName(webgpu));
    assert.equal(webgpu.driverFiles, Deno.env.get("VK_DRIVER_FILES"));
  } else assert.match(webgpu.reason, /^Cannot use WebGPU: /);
  for (const flavour of [onnx.node, onnx.web]) {
    if (flavour.available) assert.match(flavour.version, /^\d+\.\d+/);
    else assert.match(flavour.reason, /^Cannot load ONNX Runtime: /);
  }
  if (auto.available && !(webgpu.available && !webgpu.software)) assert.match(auto.backend, /^onnx-/);
});

Deno.test("doctor says clearly that there is no adapter, and exits with 0", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("./doctor.ts", import.meta.url).pathname],
    env: { DENO_WEBGPU_BACKEND: "none" },
  }).output();
  assert.equal(code, 0);
  assert.match(
    new TextDecoder().decode(stdout),
    /^WebGPU: not here\. Cannot use WebGPU: no adapter found .*\.$/m,
  );
});

Deno.test("doctor takes no other arguments", async () => {
  assert.equal((await call("--yaml")).code, 2);
});

Deno.test("graphicsInterface() tells Vulkan from its fallback", () => {
  const vulkan = new Set(["bgra8unorm-storage"]);
  assert.equal(graphicsInterface("linux", vulkan, undefined), "Vulkan (inferred)");
  assert.equal(graphicsInterface("linux", new Set(), undefined), "OpenGL (inferred)");
  assert.equal(graphicsInterface("windows", vulkan, undefined), "Direct3D 12 or Vulkan (inferred)");
  assert.equal(graphicsInterface("darwin", vulkan, undefined), "Metal");
  assert.equal(graphicsInterface("linux", new Set(), "vulkan"), "vulkan (pinned by DENO_WEBGPU_BACKEND)");
});

Deno.test("driverName() tells the software drivers apart, and names a GPU's maker", () => {
  const name = (vendor: string, description: string) => driverName({ vendor, description });
  assert.equal(name("65541", "llvmpipe (LLVM 19.1.7, 256 bits)"), "Mesa llvmpipe");
  assert.equal(name("6880", "SwiftShader Device (Subzero)"), "SwiftShader");
  assert.equal(name("4318", "NVIDIA H100 80GB HBM3"), "NVIDIA");
  assert.equal(name("", ""), "unknown");
});
