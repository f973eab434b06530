/**
 * The first test to run on a new machine, and the first to read: does a training step work here? One number is fitted
 * by gradient descent, with the derivative that the graph finds, on the executor that defines what all others compute.
 *
 *     deno test -P src/first_test.ts
 */
import assert from "node:assert/strict";
import { createReferenceExecutor } from "./executors/reference/executor.ts";
import { gradients } from "./graph/autodiff.ts";
import { mul, sub } from "./graph/functions.ts";
import { trace } from "./graph/graph.ts";

Deno.test("it works here: gradient descent finds the number whose square is 2", async () => {
  const program = trace((graph) => {
    const x = graph.state("x", []);
    const error = sub(mul(x, x), 2);
    const [slope] = gradients(mul(error, error), [x]);
    graph.update("x", sub(x, mul(slope!, 0.05)));
  });
  const executor = createReferenceExecutor();
  const x = executor.tensor({ shape: [], values: Float64Array.of(1) });
  const step = await executor.compile(program, { x });
  for (let i = 0; i < 100; i++) await step.run({});
  const [found] = await x.read();
  assert.ok(Math.abs(found! - Math.SQRT2) < 1e-9, `found ${found}`);
});
