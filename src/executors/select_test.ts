import assert from "node:assert/strict";
import { BackendUnavailableError, InputError } from "../core/errors.ts";
import { createExecutor } from "./select.ts";

Deno.test("createExecutor() gives the backend that is asked for, with its threads", async () => {
  const reference = await createExecutor("reference");
  assert.equal(reference.executor.info.backend, "reference");
  assert.equal(reference.why, "reference was asked for");
  const native = await createExecutor("onnx-node", { threads: 1 });
  assert.equal(native.executor.info.backend, "onnx-node");
  assert.equal(native.executor.info.details["threads"], 1);
  await native.executor.dispose();
  const web = await createExecutor("onnx-web", { threads: 2 });
  assert.equal(web.executor.info.backend, "onnx-web");
  await web.executor.dispose();
});

Deno.test("createExecutor() takes a software adapter only when webgpu is asked for", async () => {
  const { executor, why } = await createExecutor("auto", { threads: 1 });
  const { backend, details } = executor.info;
  if (backend === "webgpu") assert.equal(details["software"], false);
  else assert.match(why, /^auto: no GPU \(.+\)$/);
  await executor.dispose();
  try {
    const asked = await createExecutor("webgpu");
    assert.equal(asked.executor.info.backend, "webgpu");
    await asked.executor.dispose();
  } catch (error) {
    assert.ok(error instanceof BackendUnavailableError);
    assert.notEqual(backend, "webgpu");
  }
});

Deno.test("createExecutor() refuses impossible numbers of threads", async () => {
  for (const threads of [0, -1, 1.5, NaN]) {
    await assert.rejects(createExecutor("onnx", { threads }), InputError);
  }
});
