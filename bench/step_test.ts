import assert from "node:assert/strict";
import { ownContestant, stepShapes } from "./step_contestants.ts";

Deno.test("ownContestant() times a step whose loss is finite", async () => {
  const shape = stepShapes[0]!;
  const small = { ...shape, run: { ...shape.run, batch: 2 } };
  const onnx = await ownContestant("onnx-node", small, { threads: 1 });
  assert.equal(onnx.name, "onnx-node, 1 thread");
  assert.ok(await onnx.measure(2) > 0);
  await onnx.dispose();
});
