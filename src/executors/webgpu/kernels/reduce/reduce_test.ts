import assert from "node:assert/strict";
import { sum } from "../../../../graph/functions.ts";
import { trace } from "../../../../graph/graph.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["reduce"], [{ reduce: "invocation" }, { reduce: "group" }]);

gpuTest("lowerReduce() gives the same bits every time, and loses little in a long sum", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const size = 300_001;
  const program = trace((graph) => graph.output("y", sum(graph.input("x", [size]))));
  const executable = await executor.compile(program, {});
  const x = Float32Array.from({ length: size }, (_, i) => 1 + (i % 1000) / 7);
  const [first, second] = [await executable.run({ x }, ["y"]), await executable.run({ x }, ["y"])];
  const exact = x.reduce((total, value) => total + value, 0);
  assert.deepEqual(first, second);
  assert.ok(Math.abs(first.y![0]! / exact - 1) < 1e-6, `found ${first.y}, wanted ${exact}`);
  executable.dispose();
});
