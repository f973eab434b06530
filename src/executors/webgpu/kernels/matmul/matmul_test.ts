import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { normal, opCase } from "../../../cases/case.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { caseTests, evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["matmul"]);

function product(batch: number, m: number, n: number, k: number, transposeA: boolean, transposeB: boolean) {
  const stored = (rows: number, columns: number, transposed: boolean) =>
    normal([batch, ...(transposed ? [columns, rows] : [rows, columns])]);
  return opCase(
    "matmul",
    `extra ${batch}x${m}x${n}x${k} ${transposeA ? "t" : "n"}${transposeB ? "t" : "n"}`,
    { a: stored(m, k, transposeA), b: stored(k, n, transposeB) },
    { length: k },
    ({ a, b }) => fn.matmul(a, b, { transposeA, transposeB }),
  );
}

/** Results of several tiles with a rest, by quads and by scalars; inner sizes that are no multiple of a step. */
const perVariant = [
  product(1, 140, 132, 20, false, true),
  product(2, 13, 11, 37, true, false),
];
const variants = [
  "registers-4x4",
  "registers-8x4",
  "registers-8x8",
  "tiles-128x128-8x8",
  "tiles-64x64-8x8",
  "tiles-128x64-8x4",
  "tiles-64x64-4x4",
  "tiles-32x32-4x4",
  "tiles-64x16-4x4",
  "tiles-16x64-4x4",
  "tiles-64x8-4x4",
  "tiles-8x64-4x4",
];
for (const matmul of variants) caseTests(perVariant, [{ matmul }]);

/** Thin results with a long inner size, as the gradients of LoRA factors have it: k is split. */
const thin = [
  product(1, 8, 64, 1088, true, false),
  product(1, 72, 4, 300, true, false),
  product(1, 20, 8, 512, false, true),
  product(2, 3, 5, 131, true, true),
  product(1, 1, 1, 1000, false, false),
];
caseTests(thin);
caseTests(thin, [{ matmul: "tiles-64x64-4x4-split" }, { matmul: "registers-8x4-split" }]);

for (const profile of ["software", "hardware"] as const) {
  gpuTest(
    `matmul() gives NaN and ∞ to the rows they are in, and relu lets NaN through (${profile})`,
    async (gpu) => {
      const executor = await createWebGpuExecutor({ gpu, profile });
      const a = Float32Array.of(1, NaN, 1, 1, Infinity, -1);
      const { y, z } = await evaluate(executor, { a, b: Float32Array.of(1, 2, 3, 4) }, (graph) => {
        const product = () => fn.matmul(graph.input("a", [3, 2]), graph.input("b", [2, 2]));
        const once = product();
        graph.output("y", once);
        graph.output("z", fn.relu(fn.add(once, 0)));
      });
      for (const values of [y!, z!]) {
        assert.ok(values.subarray(0, 2).every(Number.isNaN));
        assert.deepEqual([...values.subarray(2)], [4, 6, Infinity, Infinity]);
      }
    },
  );
}
