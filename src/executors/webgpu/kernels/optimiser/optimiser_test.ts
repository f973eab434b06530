import assert from "node:assert/strict";
import { createRng } from "../../../../core/rng.ts";
import * as fn from "../../../../graph/functions.ts";
import { trace } from "../../../../graph/graph.ts";
import type { Executor } from "../../../executor.ts";
import { createReferenceExecutor } from "../../../reference/executor.ts";
import { createWebGpuExecutor } from "../../executor.ts";
import { gpuTest, kernelTests } from "../../testing.ts";

kernelTests(["adamwStep", "sgdStep"]);

/** Parameters after some AdamW steps down Σ θ⁴ / 4. */
async function descend(executor: Executor, start: Float32Array, steps: number) {
  const size = start.length;
  const program = trace((graph) => {
    const packed = graph.state("packed", [3, size]);
    const parameters = fn.reshape(fn.narrow(packed, 0, 0, 1), [size]);
    const grad = fn.mul(parameters, fn.mul(parameters, parameters));
    const hyper = graph.input("hyper", [3]);
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    graph.update("packed", fn.adamwStep(packed, grad, graph.fill(0.01, [size]), hyper, options));
  });
  const values = new Float32Array(3 * size);
  values.set(start);
  const packed = executor.tensor({ shape: [3, size], values, label: "packed" });
  const executable = await executor.compile(program, { packed });
  for (let step = 1; step <= steps; step++) {
    await executable.run({ hyper: Float32Array.of(0.01, 1 - 0.9 ** step, 1 - 0.999 ** step) });
  }
  const result = (await packed.read()).slice(0, size);
  executable.dispose();
  packed.dispose();
  return result;
}

for (const size of [15, 16]) {
  gpuTest(`adamwStep() stays with float64 over 20 steps of ${size} parameters`, async (gpu) => {
    const rng = createRng(0, "adamw");
    const start = Float32Array.from({ length: size }, () => rng.normal());
    const wanted = await descend(createReferenceExecutor(), start, 20);
    const found = await descend(await createWebGpuExecutor({ gpu }), start, 20);
    found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 2e-6, `${value}, ${wanted[i]}`));
  });
}
