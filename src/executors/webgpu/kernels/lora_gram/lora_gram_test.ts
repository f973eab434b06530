import assert from "node:assert/strict";
import { createRng } from "../../../../core/rng.ts";
import * as fn from "../../../../graph/functions.ts";
import { normal, opCase } from "../../../cases/case.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { caseTests, evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["loraGram"]);

/** Slots of 4, 8, 16 and 64 rows, a rank of several tiles, several tiles of adapters, an even number of adapters. */
const sizes = [
  [20, 3, 5, 18],
  [9, 8, 20, 7],
  [5, 16, 36, 33],
  [4, 40, 12, 10],
  [3, 70, 9, 4],
  [2, 132, 8, 5],
  [34, 4, 8, 3],
] as const;
caseTests(
  sizes.map(([n, rank, inputs, outputs]) =>
    opCase(
      "loraGram",
      `extra ${n} of rank ${rank}, ${inputs} to ${outputs}`,
      { a: normal([n, rank, inputs]), b: normal([n, outputs, rank]) },
      { length: inputs + outputs + rank * rank },
      ({ a, b }) => fn.loraGram(a, b),
    )
  ),
);

for (const forced of [{ loraGram: "tiles" }, { loraGram: "blocks" }]) {
  gpuTest(`loraGram() is symmetric bit for bit (${forced.loraGram})`, async (gpu) => {
    const [n, rank, inputs, outputs] = [10, 8, 40, 30];
    const rng = createRng(0, "loraGram");
    const a = Float32Array.from({ length: n * rank * inputs }, () => rng.normal());
    const b = Float32Array.from({ length: n * outputs * rank }, () => rng.normal());
    const executor = await createWebGpuExecutor({ gpu, variants: forced });
    const { y } = await evaluate(executor, { a, b }, (graph) => {
      graph.output(
        "y",
        fn.loraGram(graph.input("a", [n, rank, inputs]), graph.input("b", [n, outputs, rank])),
      );
    });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) assert.equal(y![i * n + j], y![j * n + i]);
    }
  });
}
