import assert from "node:assert/strict";
import { createRng } from "../../../../core/rng.ts";
import * as fn from "../../../../graph/functions.ts";
import type { Executor } from "../../../executor.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["topKThreshold"]);

async function thresholds(executor: Executor, x: Float32Array, ranks: readonly number[]): Promise<number[]> {
  const found = await evaluate(executor, { x }, (graph) => {
    const input = graph.input("x", [x.length]);
    for (const k of ranks) graph.output(`${k}`, fn.topKThreshold(input, k));
  });
  return ranks.map((k) => found[k]![0]!);
}

for (const forced of [{ topKThreshold: "group" }, { topKThreshold: "row" }]) {
  const { topKThreshold: variant } = forced;
  gpuTest(`topKThreshold() is exact at every rank of values of all magnitudes (${variant})`, async (gpu) => {
    const x = Float32Array.of(0, -0, 1e-45, -3e-39, 1e-38, 1, -1, 1 + 2 ** -23, -3.4e38, 7, 7, -7, Infinity);
    const sorted = x.map(Math.abs).sort().reverse();
    const executor = await createWebGpuExecutor({ gpu, variants: forced });
    assert.deepEqual(await thresholds(executor, x, [...x.keys()].map((i) => i + 1)), [...sorted]);
  });

  gpuTest(`topKThreshold() is exact over many parts, some values being equal (${variant})`, async (gpu) => {
    const rng = createRng(0, "topKThreshold");
    const x = Float32Array.from({ length: 300_001 }, (_, i) => i % 5 === 0 ? 0.25 : rng.normal());
    const sorted = x.map(Math.abs).sort().reverse();
    const ranks = [1, 30_000, 150_000, 250_000, 300_001];
    const executor = await createWebGpuExecutor({ gpu, variants: forced });
    assert.deepEqual(await thresholds(executor, x, ranks), ranks.map((k) => sorted[k - 1]!));
  });

  gpuTest(`topKThreshold() counts NaN as the largest (${variant})`, async (gpu) => {
    const executor = await createWebGpuExecutor({ gpu, variants: forced });
    assert.deepEqual(await thresholds(executor, Float32Array.of(1, NaN, -2), [1, 2, 3]), [NaN, 2, 1]);
  });
}
