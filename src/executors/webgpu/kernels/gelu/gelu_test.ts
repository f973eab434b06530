import assert from "node:assert/strict";
import * as fn from "../../../../graph/functions.ts";
import { Graph } from "../../../../graph/graph.ts";
import type { GeluKind } from "../../../../graph/ops.ts";
import { createReferenceExecutor } from "../../../reference/executor.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { evaluate, gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["gelu", "geluGrad"]);

function geluAndGrad(size: number, kind: GeluKind): (graph: Graph) => void {
  return (graph) => {
    const x = graph.input("x", [size]);
    graph.output("y", fn.gelu(x, kind));
    graph.output("dx", graph.make("geluGrad", { kind }, [x, graph.fill(1, [size])]));
  };
}

for (const kind of ["erf", "tanh"] as const) {
  gpuTest(
    `gelu(${kind}) is within 4e-7 of float64, and keeps 5 digits where it nearly vanishes`,
    async (gpu) => {
      const x = Float32Array.from({ length: 4001 }, (_, i) => i / 200 - 10);
      const build = geluAndGrad(x.length, kind);
      const wanted = await evaluate(createReferenceExecutor(), { x }, build);
      const { y, dx } = await evaluate(await createWebGpuExecutor({ gpu }), { x }, build);
      x.forEach((point, i) => {
        const error = Math.abs(y![i]! - wanted.y![i]!);
        assert.ok(error <= 4e-7 * Math.max(1, Math.abs(point)), `${y![i]} at ${point}`);
        if (point > -5) assert.ok(error <= 1e-5 * Math.abs(wanted.y![i]!), `${y![i]} at ${point}`);
        assert.ok(Math.abs(dx![i]! - wanted.dx![i]!) <= 4e-7, `slope ${dx![i]} at ${point}`);
      });
    },
  );

  gpuTest(`gelu(${kind}) is 0 or x far from zero, and NaN stays NaN`, async (gpu) => {
    const x = Float32Array.of(-1e30, -300, 0, 300, 1e30, NaN);
    const { y, dx } = await evaluate(await createWebGpuExecutor({ gpu }), { x }, geluAndGrad(x.length, kind));
    assert.deepEqual([...y!].map((value) => value + 0), [0, 0, 0, 300, Math.fround(1e30), NaN]);
    assert.deepEqual([...dx!].map((value) => value + 0), [0, 0, 0.5, 1, 1, NaN]);
  });
}
