import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["gather"]);

gpuTest("gather() copies bits, of NaN and of denormals too", async (gpu) => {
  const bits = Uint32Array.of(0x7fc00123, 0x00000001, 0x80000000, 0xff800000);
  for (const width of [1, 2, 4]) {
    const { y } = await evaluate(
      await createWebGpuExecutor({ gpu }),
      { x: new Float32Array(bits.buffer), at: Int32Array.of(0) },
      (graph) => {
        const table = graph.input("x", [4 / width, width]);
        graph.output("y", fn.gather(table, graph.input("at", [1], "i32")));
      },
    );
    assert.deepEqual(new Uint32Array(y!.buffer, y!.byteOffset, width), bits.subarray(0, width));
  }
});
