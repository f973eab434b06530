import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["oneHot"]);

gpuTest("oneHot() gives zeros for an index out of range", async (gpu) => {
  const { y } = await evaluate(
    await createWebGpuExecutor({ gpu }),
    { at: Int32Array.of(-1, 3, 2) },
    (graph) => {
      graph.output("y", fn.oneHot(graph.input("at", [3], "i32"), 3));
    },
  );
  assert.deepEqual([...y!], [0, 0, 0, 0, 0, 0, 0, 0, 1]);
});
