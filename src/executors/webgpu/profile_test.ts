import assert from "node:assert/strict";
import { exp, gather, mul, sum } from "../../graph/functions.ts";
import { trace } from "../../graph/graph.ts";
import { BackendUnavailableError } from "../../core/errors.ts";
import { Gpu } from "./device.ts";
import { createWebGpuExecutor, type WebGpuOptions } from "./executor.ts";
import { gpuTest } from "./testing.ts";

/** A sum that may be done in two ways, after a gather, an update in place and one that needs a copy. */
const program = trace((graph) => {
  const rows = gather(graph.state("table", [5, 64]), graph.input("index", [3], "i32"));
  graph.output("total", sum(rows));
  graph.update("table", mul(graph.state("table", [5, 64]), 2));
  graph.state("next", [64]);
  graph.update("next", exp(graph.input("x", [64])));
});

gpuTest("profile() measures every dispatch and tells its arithmetic and memory", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu, now: () => performance.now() });
  const { dispatches, memory } = await executor.profile(program, { index: Int32Array.of(4, 0, 4) });
  assert.deepEqual(
    dispatches.map(({ kernel }) => kernel.replace(/:.*/, "")).sort(),
    ["elementwise/exp", "elementwise/mul", "gather", "reduce/sum"],
  );
  for (const { kernel, seconds, bytes } of dispatches) {
    assert.ok(seconds >= 0 && seconds < 10, `${kernel} took ${seconds} s`);
    assert.ok(bytes! > 0, kernel);
  }
  assert.equal(memory.copies, 1);
  assert.ok(memory.bytes <= memory.bytesWithoutReuse);
  assert.equal(executor.arenaBytes, 0);
});

gpuTest("profile() refuses a value for nothing", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  await assert.rejects(
    executor.profile(program, { y: Float32Array.of(1) }),
    /Cannot profile: the program has neither input nor state "y"/,
  );
});

gpuTest(
  "profile() uses the clock where there are no timestamps, and says if there is none",
  async (shared) => {
    const gpu = new Gpu(shared.device, { ...shared.description, features: [] });
    const small = trace((graph) => graph.output("y", exp(graph.input("x", [4]))));
    const timed = await createWebGpuExecutor({ gpu, now: () => performance.now() });
    const { dispatches } = await timed.profile(small);
    assert.ok(dispatches[0]!.seconds < 1e-3, `a tiny dispatch took ${dispatches[0]!.seconds} s`);
    const blind = await createWebGpuExecutor({ gpu });
    await assert.rejects(blind.profile(small), /the device has no timestamps, and no clock is given/);
    await assert.rejects(createWebGpuExecutor({ gpu, tune: true }), BackendUnavailableError);
  },
);

gpuTest("compile() measures the variants of each shape class once, and records the choice", async (gpu) => {
  let saved: string | undefined;
  let saves = 0;
  const cache = {
    load: () => saved,
    save: (text: string) => {
      saved = text;
      saves++;
    },
  };
  const options: WebGpuOptions = { gpu, tune: true, cache, now: () => performance.now() };
  const executor = await createWebGpuExecutor(options);
  const large = trace((graph) => graph.output("y", sum(graph.input("x", [4, 4096]), { axes: [1] })));
  (await executor.compile(large, {})).dispose();
  const [[question, choice]] = Object.entries(executor.info.details).filter(([name]) =>
    name.startsWith("variant reduce 4x4096")
  ) as [[string, string]];
  assert.equal(question, "variant reduce 4x4096x1");
  assert.ok(choice === "group" || choice === "invocation");
  const adapters = Object.values(JSON.parse(saved!).adapters) as Record<string, { seconds: object }>[];
  assert.deepEqual(Object.keys(adapters[0]!["reduce 4x4096x1"]!.seconds).sort(), ["group", "invocation"]);

  const before = saves;
  const again = await createWebGpuExecutor(options);
  (await again.compile(large, {})).dispose();
  assert.equal(saves, before);
  assert.equal(again.info.details[question], choice);
});
