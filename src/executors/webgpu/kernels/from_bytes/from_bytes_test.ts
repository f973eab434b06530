import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { trace } from "../../../../graph/graph.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { MAX_WORKGROUPS } from "../../kernel.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";
import { WORKGROUP } from "../cover.ts";

kernelTests(["fromBytes"]);

gpuTest("fromBytes() covers more bytes than one axis of a grid", async (gpu) => {
  const count = 4 * WORKGROUP * MAX_WORKGROUPS + 5;
  const x = Uint8Array.from({ length: count }, (_, i) => i % 251);
  const executor = await createWebGpuExecutor({ gpu });
  const { y } = await evaluate(executor, { x }, (graph) => {
    graph.output("y", fn.fromBytes(graph.input("x", [count], "u8")));
  });
  assert.equal(y!.length, count);
  assert.equal(y!.findIndex((value, i) => value !== i % 251), -1);
});

gpuTest("bytes take a byte each in memory, in groups of 16", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  for (const [count, bytes] of [[1, 16], [16, 16], [17, 32], [1000, 1008]] as const) {
    const s = executor.tensor({ shape: [count], dtype: "u8" });
    assert.equal(s.buffer.size, bytes);
    const program = trace((graph) => {
      const x = graph.input("x", [count], "u8");
      graph.output("y", fn.add(fn.fromBytes(x), fn.fromBytes(graph.state("s", [count], "u8"))));
      graph.update("s", x);
    });
    const executable = await executor.compile(program, { s });
    assert.equal(executable.memory.bytesWithoutReuse, bytes + 3 * 16 * Math.ceil(count / 4));
    executable.dispose();
  }
});

gpuTest("profile() feeds zeros for bytes", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu, now: () => performance.now() });
  const program = trace((graph) => {
    graph.output("y", fn.neg(fn.fromBytes(graph.input("x", [6], "u8"))));
    graph.output("z", fn.fromBytes(graph.state("s", [6], "u8")));
  });
  const { dispatches } = await executor.profile(program, { s: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  assert.deepEqual(
    dispatches.filter(({ kernel }) => kernel.startsWith("fromBytes")).map(({ bytes }) => bytes),
    [30, 30],
  );
});
