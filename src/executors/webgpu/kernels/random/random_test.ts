import assert from "node:assert/strict";
import { hash32, hashToUnit } from "../../../../core/rng.ts";
import * as fn from "../../../../graph/functions.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["uniform", "dropRescale"]);

gpuTest("uniform() has the bits of hash32() for any seed", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  for (const seed of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const { y } = await evaluate(executor, {}, (graph) => graph.output("y", fn.uniform(graph, [1001], seed)));
    assert.deepEqual(y, Float32Array.from({ length: 1001 }, (_, i) => hashToUnit(hash32(seed, i))));
  }
});

gpuTest("dropRescale() keeps exactly what uniform() puts at or above the rate", async (gpu) => {
  const executor = await createWebGpuExecutor({ gpu });
  const seed = 7;
  const draws = Array.from({ length: 1001 }, (_, i) => hashToUnit(hash32(seed, i)));
  // A rate equal to a draw keeps it; one float64 step more drops it, though both are the same float32.
  const edge = draws[500]!;
  for (const rate of [0, 0.1, 0.9, edge, edge + 2 ** -53]) {
    const { y } = await evaluate(executor, {}, (graph) => {
      graph.output("y", fn.dropRescale(graph.fill(1, [1001]), rate, seed));
    });
    assert.deepEqual([...y!].map((value) => value !== 0), draws.map((draw) => draw >= rate), `rate ${rate}`);
  }
});
