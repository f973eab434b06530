import assert from "node:assert/strict";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { featurePass, mergedPredictor } from "../methods/adapter_method.ts";
import { classifiers } from "../classifiers/mod.ts";
import { createRng } from "../core/rng.ts";
import { Engine } from "../train/engine.ts";
import { imageTable } from "../train/table.ts";
import { randomAdapter, tinyBackbone, tinyConfig } from "../train/test_kit.ts";
import { costOfTask, TrainingMeter } from "./cost.ts";

const dataset = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 1, testPerClass: 1, size: 8 });
const engine = new Engine(createReferenceExecutor(), tinyBackbone(), dataset);
const table = imageTable(dataset.test);
const head = classifiers.linear.init(6, tinyConfig.width, createRng(0, "head"));
const merged = mergedPredictor(randomAdapter(0), head, classifiers.linear);

/** q, v [8, 8] and fc1 [16, 8] at rank 2 in two blocks, and the importance. */
const ADAPTER = 2 * (2 * 2 * (8 + 8) + 2 * (8 + 16)) + 1;
/** Weight and bias of six classes. */
const HEAD = 6 * (8 + 1);

Deno.test("costOfTask() counts deployed bytes, each tensor once", () => {
  const { deployedBytes, passesPerTestImage } = costOfTask(engine, merged, table, new TrainingMeter());
  assert.equal(deployedBytes, 4 * (ADAPTER + HEAD));
  assert.equal(passesPerTestImage, 1);
  const twice = { ...merged, passes: [featurePass(randomAdapter(1)), featurePass(randomAdapter(2))] };
  const cost = costOfTask(engine, twice, table, new TrainingMeter());
  assert.equal(cost.deployedBytes, 4 * (2 * ADAPTER + HEAD));
  assert.equal(cost.passesPerTestImage, 2);
  const shared = { ...merged, passes: [merged.passes[0]!, merged.passes[0]!] };
  assert.equal(costOfTask(engine, shared, table, new TrainingMeter()).deployedBytes, 4 * (ADAPTER + HEAD));
});

Deno.test("costOfTask() counts a test image's operations: products by hand, and the rest on top", () => {
  const { flopPerTestImage } = costOfTask(engine, merged, table, new TrainingMeter());
  const [tokens, width, mlp] = [5, 8, 16];
  const product = (m: number, k: number, n: number) => 2 * m * k * n;
  const block = (kept: number) =>
    product(tokens, width, 3 * width) + 2 * product(kept, width, tokens) + product(kept, width, width) +
    2 * product(kept, width, mlp);
  // After the last attention only the class token goes on; the attention itself is that of all tokens.
  const last = block(1) + 2 * (product(tokens, width, tokens) - product(1, width, tokens));
  const products = product(4, 48, width) + block(tokens) + last + product(1, width, 6);
  assert.ok(
    flopPerTestImage > products && flopPerTestImage < 1.6 * products,
    `${flopPerTestImage}, ${products}`,
  );
});

Deno.test("TrainingMeter adds trainings up, and says nothing of images where nothing trained", () => {
  const meter = new TrainingMeter();
  assert.deepEqual(meter.facts, { trainedNumbers: 0 });
  meter.add(10, [3, 2], 800, 8);
  meter.add(7, [1], 100, 1);
  assert.deepEqual(meter.facts, { trainedNumbers: 10, flopPerTrainingImage: 100 });
  assert.deepEqual(meter.losses, [3, 2, 1]);
});
