import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { predict } from "../../train/predict.ts";
import { imageTable } from "../../train/table.ts";
import { featurePass } from "../adapter_method.ts";
import { createMethod } from "../mod.ts";
import { CLASSES, createTestEngine, createTestKit, runMethod, testTask } from "../test_kit.ts";
import { type AperState, joinColumns } from "./aper.ts";
import { assertNear } from "./test_graph.ts";

Deno.test("joinColumns() puts rows side by side", () => {
  const joined = joinColumns(
    hostTensor([2, 1], Float32Array.of(1, 4)),
    hostTensor([2, 2], Float32Array.of(2, 3, 5, 6)),
  );
  assert.deepEqual(joined, hostTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)));
});

Deno.test("aper scores by cosines of frozen and adapted features together", async () => {
  const taskOf = (index: number) => testTask(index, 6);
  const engine = createTestEngine();
  const { states, trained, predictor } = await runMethod(createMethod("aper"), {
    tasks: 3,
    train: "really",
    taskOf,
    engine,
  });
  // The first task trains, and no other.
  assert.equal(trained.length, 1);
  const { adapter } = states[3] as AperState;
  assert.deepEqual(adapter, trained[0]);
  assert.deepEqual((states[1] as AperState).adapter, adapter);

  const kit = createTestKit({ engine });
  const features = async (index: number) => {
    const table = imageTable(taskOf(index).train);
    const bare = await kit.map(featurePass(undefined), table);
    const adapted = await kit.map(featurePass(adapter!), table);
    assert.notDeepEqual(bare, adapted);
    return Array.from({ length: 6 }, (_, row) => [
      ...bare.data.subarray(row * 8, row * 8 + 8),
      ...adapted.data.subarray(row * 8, row * 8 + 8),
    ]);
  };
  const mean = (rows: readonly number[][]) =>
    rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const means: number[][] = [];
  for (let index = 0; index < 3; index++) {
    const rows = await features(index);
    means.push(mean(rows.filter((_, i) => i % 2 === 0)), mean(rows.filter((_, i) => i % 2 === 1)));
  }
  const scores = await predict(engine, predictor, imageTable(taskOf(1).train));
  (await features(1)).forEach((row, i) => {
    const wanted = means.map((mean) => dot(row, mean) / Math.sqrt(dot(mean, mean)));
    assertNear(scores.data.subarray(i * CLASSES, i * CLASSES + 6), wanted, 1e-4);
  });
  await engine.dispose();
});
