import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { given, normal, opCase } from "../../../cases/case.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { caseTests, evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["softmax", "softmaxGrad"]);

const shapes = [[3, 31], [3, 32], [3, 33], [2, 255], [2, 257], [1, 1500], [130, 2]] as const;
caseTests([
  ...shapes.flatMap((shape) => [
    opCase(
      "softmax",
      `extra ${shape}`,
      { x: normal(shape, 0, 4) },
      { length: shape[1] },
      ({ x }) => fn.softmax(x),
    ),
    opCase(
      "softmaxGrad",
      `extra ${shape}`,
      { y: normal(shape), dy: normal(shape) },
      { length: shape[1] },
      ({ y, dy }, graph) => graph.make("softmaxGrad", {}, [y, dy]),
    ),
  ]),
  opCase(
    "softmax",
    "extra far below zero",
    { x: given([2, 3], [-1e30, -1e30, -2e30]) },
    "element",
    ({ x }) => fn.softmax(x),
  ),
]);

for (const profile of ["software", "hardware"] as const) {
  gpuTest(`softmax() makes a row with NaN or ∞ NaN and leaves others alone (${profile})`, async (gpu) => {
    const executor = await createWebGpuExecutor({ gpu, profile });
    const x = Float32Array.of(1, NaN, 3, 1, Infinity, 3, 2, 2, -Infinity);
    const { y } = await evaluate(executor, { x }, (graph) => {
      graph.output("y", fn.softmax(graph.input("x", [3, 3])));
    });
    assert.ok(y!.subarray(0, 6).every(Number.isNaN));
    assert.deepEqual([...y!.subarray(6)], [0.5, 0.5, 0]);
  });
}
