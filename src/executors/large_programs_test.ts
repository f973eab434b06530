import assert from "node:assert/strict";
import { largeProgram, largeShapes, meterReads } from "../graph/test_large_programs.ts";
import { lowerProgram } from "./onnx/lowering.ts";
import { createReferenceExecutor } from "./reference/executor.ts";
import type { LoweringContext } from "./webgpu/kernel.ts";
import { planMemory } from "./webgpu/planner.ts";
import { nativeProgram, schedule } from "./webgpu/schedule.ts";

const context: LoweringContext = {
  software: true,
  maxInvocations: 256,
  maxWorkgroupStorageBytes: 16_384,
  scratch: (label, size) => ({ kind: "scratch", label, size }),
  variant: (_family, _shapeClass, [first]) => first!,
};

for (const shape of largeShapes) {
  for (const backward of [false, true]) {
    const name = `a ${shape} of 10,000 nodes${backward ? " and its gradient" : ""}`;

    Deno.test(`WebGPU's passes read ${name} a few times`, () => {
      const program = nativeProgram(largeProgram(shape, { backward }));
      const reads = meterReads(program);
      const { steps } = schedule(program, () => context);
      const { placeOf } = planMemory(program, steps.map(({ dispatch }) => dispatch));
      assert.ok(steps.length >= 5000);
      for (const output of Object.values(program.outputs)) assert.ok(placeOf(output));
      assert.ok(reads() > 0);
    });

    // Thousands of distinct constants take the model builder seconds to name.
    if (shape === "fan" && backward) continue;
    Deno.test(`ONNX's lowering reads ${name} a few times`, () => {
      const source = largeProgram(shape, { backward });
      const reads = meterReads(source);
      const { graph } = lowerProgram(source).model;
      assert.ok(graph!.node!.length >= 10_000);
      assert.ok(reads() > 0);
    });
  }

  Deno.test(`the reference runs a ${shape} of 10,000 nodes`, async () => {
    const program = largeProgram(shape);
    const executable = await createReferenceExecutor().compile(program, {});
    const { y } = await executable.run({ x: new Float32Array(5000) }, ["y"]);
    assert.ok(y!.every(Number.isFinite));
  });
}
