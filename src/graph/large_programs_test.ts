import assert from "node:assert/strict";
import { gradients } from "./autodiff.ts";
import { expand } from "./expand.ts";
import { sum } from "./functions.ts";
import { Graph } from "./graph.ts";
import type { Tensor } from "./ops.ts";
import { largeProgram, largeShapes, meterReads } from "./test_large_programs.ts";

for (const shape of largeShapes) {
  Deno.test(`tracing and finishing a ${shape} of 10,000 nodes ends`, () => {
    assert.ok(largeProgram(shape).nodes.length >= 10_000);
  });

  Deno.test(`gradients() reads a ${shape} of 10,000 nodes a few times`, () => {
    const program = largeProgram(shape);
    const reads = meterReads(program);
    const [dx] = gradients(sum(program.outputs.y!), [program.inputs.x as Tensor]);
    assert.deepEqual(dx!.shape, program.inputs.x!.shape);
    assert.ok(reads() > 0);
    const { graph } = dx as { graph: unknown };
    assert.ok(graph instanceof Graph);
    graph.output("dx", dx!);
    // A node of the forward pass gets a few of the backward pass.
    assert.ok(graph.finish().nodes.length < 12 * program.nodes.length);
  });

  for (const backward of [false, true]) {
    Deno.test(`expand() reads a ${shape} of 10,000 nodes a few times${backward ? ", with gradients" : ""}`, () => {
      const program = largeProgram(shape, { backward });
      const reads = meterReads(program);
      assert.ok(expand(program).nodes.length >= program.nodes.length);
      assert.ok(reads() > 0);
    });
  }
}
