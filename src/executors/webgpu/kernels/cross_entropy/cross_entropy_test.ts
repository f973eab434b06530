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

const NAN_ROWS: readonly (readonly number[])[] = [
  [1, NaN, 0],
  [NaN, 1, 0],
  [1, Infinity, 0],
  [Infinity, 1, 0],
  [-NaN, -NaN, -NaN],
];

for (const profile of ["software", "hardware"] as const) {
  for (const variant of ["row", "group"]) {
    gpuTest(
      `crossEntropy() shows divergence as NaN, unless the class is masked (${profile}, ${variant})`,
      async (gpu) => {
        const variants = { crossEntropy: variant, crossEntropyGrad: variant };
        const executor = await createWebGpuExecutor({ gpu, profile, variants });
        // The last rows are well: a masked NaN, a class of -∞. The very last has no chance.
        const rows = [...NAN_ROWS, [0, 0, NaN], [0, -Infinity, 0], [-Infinity, 0, 0]];
        const count = rows.length;
        const lost = NAN_ROWS.length;
        const { loss, slope, mean } = await evaluate(
          executor,
          { logits: Float32Array.from(rows.flat()) },
          (graph) => {
            const z = graph.input("logits", [count, 3]);
            const labels = graph.constant(new Array(count).fill(0), [count], "i32");
            const mask = graph.constant([1, 1, 0], [3]);
            const loss = fn.crossEntropy(z, labels, mask);
            graph.output("loss", loss);
            graph.output("mean", fn.mean(fn.mul(loss, 0.5)));
            graph.output(
              "slope",
              graph.make("crossEntropyGrad", {}, [z, labels, mask, graph.fill(1, [count])]),
            );
          },
        );
        assert.ok(loss!.subarray(0, lost).every(Number.isNaN), `${loss}`);
        assert.ok(Number.isNaN(mean![0]), "the mean of the losses tells nothing");
        assert.ok(Math.abs(loss![lost]! - Math.LN2) < 1e-6);
        assert.deepEqual([...loss!.subarray(lost + 1)].map((value) => value + 0), [0, Infinity]);
        assert.ok(slope!.subarray(0, 3 * lost).every(Number.isNaN), `${slope}`);
        assert.deepEqual([...slope!.subarray(3 * lost)].map((value) => value + 0), [
          -0.5,
          0.5,
          0,
          0,
          0,
          0,
          -1,
          1,
          0,
        ]);
      },
    );
  }
}
