import assert from "node:assert/strict";
import { createDataset, type Dataset } from "./dataset.ts";
import { loadDataset, mixedParts } from "./load.ts";
import { mixDatasets } from "./mix.ts";
import { createStream } from "./stream.ts";

function toy(
  name: string,
  channels: 1 | 3,
  side: number,
  classes: number,
  change: Partial<Dataset> = {},
): Dataset {
  const size = channels * side * side;
  const split = {
    images: Uint8Array.from({ length: classes * size }, (_, i) => (7 * i) % 256),
    labels: Int32Array.from({ length: classes }, (_, i) => i),
    count: classes,
  };
  return createDataset({
    name,
    channels,
    height: side,
    width: side,
    classNames: Array.from({ length: classes }, (_, c) => `${c}`),
    train: split,
    test: split,
    ...change,
  });
}

Deno.test("mixDatasets() puts classes side by side and images into one shape", () => {
  const gray = toy("gray", 1, 2, 2), colour = toy("colour", 3, 2, 3, { families: ["x", "x", "y"] });
  const mixed = mixDatasets([gray, colour]);
  assert.deepEqual(mixed.classNames, ["gray/0", "gray/1", "colour/0", "colour/1", "colour/2"]);
  assert.deepEqual(mixed.origins, ["gray", "gray", "colour", "colour", "colour"]);
  assert.deepEqual(mixed.families, ["gray/gray", "gray/gray", "colour/x", "colour/x", "colour/y"]);
  assert.deepEqual([...mixed.train.labels], [0, 1, 2, 3, 4]);
  // Gray is repeated, RGB of the same size stays as it is.
  assert.deepEqual([...mixed.train.images.subarray(12, 24)], [
    28,
    35,
    42,
    49,
    28,
    35,
    42,
    49,
    28,
    35,
    42,
    49,
  ]);
  assert.deepEqual(mixed.test.images.subarray(24), colour.test.images);
  const { tasks } = createStream(mixed, { stream: "mixed", tasks: 2, orderSeed: 0 });
  assert.deepEqual(tasks.map(({ families, classes }) => [families, classes.length]), [[["gray"], 2], [[
    "colour",
  ], 3]]);
});

Deno.test("mixDatasets() resamples as pre-processing does, and tells data sets of one name apart", () => {
  const mixed = mixDatasets([toy("a", 1, 2, 1), toy("a", 1, 4, 1)], 4);
  assert.deepEqual(mixed.origins, ["a", "a 2"]);
  // By hand: 0 7 14 21 at half-pixel centres, a quarter and three quarters of the way; 1.75 and 3.5 round up.
  assert.deepEqual([...mixed.train.images.subarray(0, 8)], [0, 2, 5, 7, 4, 5, 9, 11]);
  assert.deepEqual(mixed.train.images.subarray(16), toy("a", 1, 4, 1).train.images);
  assert.throws(
    () => mixDatasets([toy("a", 1, 2, 1), toy("b", 1, 4, 1)]),
    /found a of 2x2 and b of 4x4, wanted one size/,
  );
  assert.throws(() => mixDatasets([toy("a", 1, 2, 1)]), /found 1, wanted at least two/);
});

Deno.test("loadDataset() mixes what plus signs join; paths may have such signs, too", async () => {
  const small = "procedural:classes=2,trainPerClass=1,testPerClass=1";
  const mixed = await loadDataset(`${small},size=8+${small},size=16,seed=2+size=12`);
  assert.deepEqual([mixed.name, mixed.height, mixed.width], ["procedural+procedural 2", 12, 12]);
  assert.equal(mixed.classNames.length, 4);
  assert.equal(new Set(mixed.families).size, 4);
  assert.deepEqual(mixedParts("cifar100:c++/a+b+omniglot:x+mnist:y"), {
    specs: ["cifar100:c++/a+b", "omniglot:x", "mnist:y"],
  });
  assert.deepEqual(mixedParts("procedural+mnist:y+size=8"), { specs: ["procedural", "mnist:y"], size: "8" });
  await assert.rejects(
    loadDataset("procedural+procedural+size=0"),
    /found size=0, wanted an integer from 1 to 9999/,
  );
});
