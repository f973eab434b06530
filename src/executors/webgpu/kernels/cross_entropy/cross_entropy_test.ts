import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { given, normal, opCase } from "../../../cases/case.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { caseTests, evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["crossEntropy", "crossEntropyGrad"]);

/** Every third class hidden; the label is the last class, which is not. */
const shapes = [[3, 30], [2, 33], [2, 258], [1, 1500], [70, 3]] as const;
caseTests(shapes.flatMap(([n, classes]) => {
  const leaves = {
    logits: normal([n, classes], 0, 5),
    labels: given([n], [classes - 1], "i32"),
    mask: given([classes], [1, 0, 1]),
  };
  const precision = { length: classes, scale: 1 };
  return [
    opCase(
      "crossEntropy",
      `extra ${n} of ${classes}`,
      leaves,
      precision,
      ({ logits, labels, mask }) => fn.crossEntropy(logits, labels, mask),
    ),
    opCase(
      "crossEntropyGrad",
      `extra ${n} of ${classes}`,
      { ...leaves, dloss: normal([n]) },
      precision,
      ({ logits, labels, mask, dloss }, graph) =>
        graph.make("crossEntropyGrad", {}, [logits, labels, mask, dloss]),
    ),
  ];
}));

for (const profile of ["software", "hardware"] as const) {
  gpuTest(`crossEntropy() shows divergence as NaN, unless the class is masked (${profile})`, async (gpu) => {
    const executor = await createWebGpuExecutor({ gpu, profile });
    const logits = Float32Array.of(1, NaN, 0, 1, Infinity, 0, 0, 0, NaN);
    const { loss, slope } = await evaluate(executor, { logits }, (graph) => {
      const z = graph.input("logits", [3, 3]);
      const labels = graph.constant([0, 0, 0], [3], "i32");
      const mask = graph.constant([1, 1, 0], [3]);
      graph.output("loss", fn.crossEntropy(z, labels, mask));
      graph.output("slope", graph.make("crossEntropyGrad", {}, [z, labels, mask, graph.fill(1, [3])]));
    });
    assert.ok(Number.isNaN(loss![0]) && Number.isNaN(loss![1]));
    assert.ok(Math.abs(loss![2]! - Math.LN2) < 1e-6);
    assert.ok(slope!.subarray(0, 2).every(Number.isNaN));
    assert.deepEqual([...slope!.subarray(6)], [-0.5, 0.5, 0]);
  });
}
