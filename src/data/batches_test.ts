import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { batchesOf, epochBatches } from "./batches.ts";

Deno.test("epochBatches() shows every position exactly once with weight 1", () => {
  const rng = createRng(3, "sizes");
  for (let trial = 0; trial < 60; trial++) {
    const count = 1 + rng.integer(40), batchSize = 1 + rng.integer(12);
    const seen: number[] = [];
    let batches = 0;
    for (const { indices, weights } of epochBatches(count, batchSize, rng)) {
      batches++;
      assert.equal(indices.length, batchSize);
      assert.equal(weights.length, batchSize);
      indices.forEach((index, i) => {
        assert.ok(index >= 0 && index < count);
        assert.ok(weights[i] === 0 || weights[i] === 1);
        if (weights[i] === 1) seen.push(index);
      });
    }
    assert.equal(batches, Math.ceil(count / batchSize));
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: count }, (_, i) => i));
  }
});

Deno.test("epochBatches() order is pinned and differs between epochs of one stream", () => {
  const rng = createRng(1, "batches");
  const epoch = () => [...epochBatches(7, 4, rng)].map((batch) => [...batch.indices]);
  const first = epoch();
  assert.deepEqual(first, [[5, 6, 4, 2], [0, 1, 3, 3]]);
  assert.notDeepEqual(epoch(), first);
});

Deno.test("batchesOf() keeps the order and pads with the last position at weight 0", () => {
  const batches = [...batchesOf([9, 4, 6, 2, 5], 3)];
  assert.deepEqual(batches.map((b) => [...b.indices]), [[9, 4, 6], [2, 5, 5]]);
  assert.deepEqual(batches.map((b) => [...b.weights]), [[1, 1, 1], [1, 1, 0]]);
  assert.deepEqual([...batchesOf([], 3)], []);
});

Deno.test("epochBatches() refuses sizes that are not positive integers", () => {
  const rng = createRng(1, "batches");
  assert.throws(() => [...epochBatches(0, 4, rng)], RangeError);
  assert.throws(() => [...epochBatches(4, 0, rng)], {
    message: "Cannot make batches: found batch size 0, wanted a positive integer",
  });
});
