import assert from "node:assert/strict";
import { limitPerClass } from "../data/dataset.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { vitB16 } from "../nn/config.ts";
import { createFeatureExtractor } from "./extractor.ts";
import { featureBatch } from "./features.ts";
import { probeDataset, probeFeatures } from "./probe.ts";
import { countingExecutor, tinyBackbone, tinyConfig, toyDataset } from "./test_kit.ts";

Deno.test("probeFeatures() scores each classifier by its own rule", () => {
  // Class 1 is long and class 2 is short in one direction; the test sample is short, and nearer by angle to 0.
  const train = {
    features: Float32Array.of(0, 1, 0, 1, 10, 0, 10, 0, 1, 0.2, 1, 0.2),
    labels: Int32Array.of(0, 0, 1, 1, 2, 2),
  };
  const scores = (labels: readonly number[]) =>
    probeFeatures(train, { features: Float32Array.of(2, 0, 20, 1), labels: Int32Array.from(labels) }, 3);
  assert.deepEqual([scores([1, 1]).ncmCosine, scores([2, 1]).ncmEuclidean], [1, 1]);
  assert.equal(scores([0, 1]).ncmCosine, 0.5);
});

Deno.test("probeDataset() tells apart what a random transformer keeps apart", async () => {
  const dataset = toyDataset(4, 20);
  const { executor, counts } = countingExecutor(createReferenceExecutor());
  const extractor = createFeatureExtractor(executor, tinyBackbone(), dataset);
  const scores = await probeDataset(extractor, dataset);
  for (const [name, score] of Object.entries(scores)) assert.ok(score > 0.5, `${name}: ${score}`);
  const blank = {
    ...dataset,
    test: { ...dataset.test, labels: dataset.test.labels.map((c) => (c + 1) % 4) },
  };
  for (const score of Object.values(await probeDataset(extractor, blank))) assert.ok(score < 0.25);
  await extractor.dispose();
  assert.deepEqual(counts, { compilations: 1, disposed: 1 });
});

Deno.test("createFeatureExtractor() does not depend on the batch", async () => {
  const dataset = toyDataset(3, 2);
  const indices = [4, 0, 5, 1, 3];
  const extractor = createFeatureExtractor(createReferenceExecutor(), tinyBackbone(), dataset);
  const whole = await extractor.extract(dataset.train, indices);
  assert.equal(whole.length, 5 * 8);
  // How many there are decides the batch: 1, 2, 4 and 7 rows, and 100 in a padded and a full run.
  for (const sizes of [[1, 2, 2], [3, 1, 1], [2, 3]]) {
    let first = 0;
    for (const size of sizes) {
      const part = await extractor.extract(dataset.train, indices.slice(first, first + size));
      assert.deepEqual(part, whole.slice(first * 8, (first + size) * 8));
      first += size;
    }
  }
  const many = await extractor.extract(dataset.train, Array.from({ length: 101 }, (_, i) => indices[i % 5]!));
  assert.equal(many.length, 101 * 8);
  many.forEach((value, i) => assert.equal(value, whole[i % whole.length]));
  await extractor.dispose();
});

Deno.test("probeDataset() refuses a split without images", async () => {
  const dataset = limitPerClass(toyDataset(2, 2), { train: 1 });
  const extractor = createFeatureExtractor(createReferenceExecutor(), tinyBackbone(), dataset);
  const empty = { images: new Uint8Array(), labels: new Int32Array(), count: 0 };
  await assert.rejects(() => probeDataset(extractor, { ...dataset, train: empty }), {
    name: "InputError",
    message: "Cannot probe on toy: found no training images",
  });
  await extractor.dispose();
});

Deno.test("featureBatch() is smaller for larger models", () => {
  assert.equal(featureBatch(tinyConfig), 100);
  assert.equal(featureBatch(vitB16), 27);
  assert.equal(featureBatch({ ...vitB16, image: 4096 }), 1);
});
