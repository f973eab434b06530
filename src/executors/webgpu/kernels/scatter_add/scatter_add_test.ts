import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { integers, normal, opCase } from "../../../cases/case.ts";
import { createRng } from "../../../../core/rng.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { caseTests, evaluate, gpuTest, kernelTests } from "../../testing.ts";

const variants = [{ scatterAdd: "direct" }, { scatterAdd: "sorted" }];
kernelTests(["scatterAdd"], variants);

/** Around one chunk of the sort, several chunks, more rows than updates. */
const sizes = [[255, 3, 4], [256, 1, 5], [257, 70, 4], [1100, 900, 1], [5, 300, 8]] as const;
caseTests(
  sizes.map(([count, rows, width]) =>
    opCase(
      "scatterAdd",
      `extra ${count}x${width} to ${rows}`,
      { updates: normal([count, width]), index: integers([count], rows) },
      { length: Math.ceil(count / rows) },
      ({ updates, index }) => fn.scatterAdd(updates, index, rows),
    )
  ),
  variants,
);

gpuTest("scatterAdd() adds in the order of the updates, whatever the variant", async (gpu) => {
  const [count, rows] = [3000, 40];
  const rng = createRng(0, "scatterAdd");
  const updates = Float32Array.from({ length: count }, () => rng.normal());
  const index = Int32Array.from({ length: count }, () => rng.integer(rows));
  const wanted = new Float32Array(rows);
  updates.forEach((value, i) => wanted[index[i]!]! += value);
  for (const forced of variants) {
    const executor = await createWebGpuExecutor({ gpu, variants: forced });
    const { y } = await evaluate(executor, { updates, index }, (graph) => {
      const i = graph.input("index", [count], "i32");
      graph.output("y", fn.scatterAdd(graph.input("updates", [count]), i, rows));
    });
    assert.deepEqual(y, wanted);
  }
});
