import assert from "node:assert/strict";
import { createDataset, type DatasetParts, limitClasses, limitPerClass } from "./dataset.ts";

const TOY: DatasetParts = {
  name: "toy",
  channels: 1,
  height: 1,
  width: 2,
  classNames: ["a", "b"],
  train: {
    images: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    labels: Int32Array.of(0, 1, 1, 0, 1),
    count: 5,
  },
  test: { images: Uint8Array.of(20, 21), labels: Int32Array.of(1), count: 1 },
};

Deno.test("createDataset() fingerprint is pinned (computed with Python's hashlib)", () => {
  assert.equal(
    createDataset(TOY).fingerprint,
    "f331135597f02cff16939976dc0cf2a637fba1d3c882b92a2f400d5df8ba8e10",
  );
});

Deno.test("createDataset() fingerprint follows content, not the name", () => {
  const of = (change: Partial<DatasetParts>) => createDataset({ ...TOY, ...change }).fingerprint;
  const base = of({});
  assert.equal(of({ name: "other" }), base);
  const changed = [
    of({ classNames: ["a", "c"] }),
    of({ height: 2, width: 1 }),
    of({ train: { ...TOY.train, labels: Int32Array.of(1, 1, 1, 0, 1) } }),
    of({ test: { ...TOY.test, images: Uint8Array.of(20, 22) } }),
  ];
  assert.equal(new Set([base, ...changed]).size, 5);
});

Deno.test("limitPerClass() keeps the first of each class in stored order", () => {
  const dataset = createDataset(TOY);
  const limited = limitPerClass(dataset, { train: 2 });
  assert.deepEqual([...limited.train.labels], [0, 1, 1, 0]);
  assert.deepEqual([...limited.train.images], [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(limited.test, dataset.test);
  assert.notEqual(limited.fingerprint, dataset.fingerprint);
  assert.equal(limitPerClass(dataset, { train: 9, test: 9 }).fingerprint, dataset.fingerprint);
  assert.throws(() => limitPerClass(dataset, { test: 0 }), {
    name: "InputError",
    message: "Cannot limit the test images per class: found 0, wanted a positive integer",
  });
});

Deno.test("limitClasses() keeps the images of the first classes", () => {
  const dataset = createDataset(TOY);
  const limited = limitClasses(dataset, 1);
  assert.deepEqual(limited.classNames, ["a"]);
  assert.deepEqual([...limited.train.images], [0, 1, 6, 7]);
  assert.equal(limited.test.count, 0);
  assert.equal(limitClasses(dataset, 2).fingerprint, dataset.fingerprint);
  for (const count of [0, 1.5, 3]) {
    assert.throws(() => limitClasses(dataset, count), {
      name: "InputError",
      message: `Cannot take classes of toy: found ${count}, wanted an integer from 1 to its 2`,
    });
  }
});

Deno.test("createDataset() says which array does not fit", () => {
  const broken = (change: Partial<DatasetParts>, message: string) =>
    assert.throws(() => createDataset({ ...TOY, ...change }), { name: "InputError", message });
  broken(
    { train: { ...TOY.train, labels: Int32Array.of(0, 1, 1, 2, 1) } },
    "Cannot use the training split of toy: found label 2 at image 3, wanted a class number from 0 to 1",
  );
  broken(
    { test: { ...TOY.test, images: new Uint8Array(3) } },
    "Cannot use the test split of toy: found 3 image bytes, wanted 2 for 1 images of 2 bytes",
  );
  broken(
    { test: { ...TOY.test, labels: new Int32Array(2) } },
    "Cannot use the test split of toy: found 2 labels, wanted one for each of 1 images",
  );
  broken({ classNames: [] }, "Cannot use data set toy: found no classes, wanted at least one");
  broken({ width: 0 }, "Cannot use data set toy: found width 0, wanted a positive integer");
});
