import assert from "node:assert/strict";
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  formatShape,
  sameShape,
  sizeOf,
  stridesOf,
} from "./shape.ts";

Deno.test("sizeOf() and stridesOf() are those of dense row-major tensors", () => {
  assert.equal(sizeOf([2, 3, 4]), 24);
  assert.equal(sizeOf([]), 1);
  assert.deepEqual(stridesOf([2, 3, 4]), [12, 4, 1]);
  assert.deepEqual(stridesOf([5]), [1]);
  assert.deepEqual(stridesOf([]), []);
});

Deno.test("sameShape() compares rank and sizes", () => {
  assert.ok(sameShape([], []));
  assert.ok(sameShape([2, 3], [2, 3]));
  assert.ok(!sameShape([2, 3], [3, 2]));
  assert.ok(!sameShape([2], [2, 1]));
  assert.ok(!sameShape([1], []));
});

Deno.test("formatShape() writes sizes in brackets", () => {
  assert.deepEqual([formatShape([64, 17, 128]), formatShape([])], ["[64,17,128]", "[]"]);
});

Deno.test("broadcastShapes() aligns axes at the end and stretches ones", () => {
  assert.deepEqual(broadcastShapes([], []), []);
  assert.deepEqual(broadcastShapes([], [3]), [3]);
  assert.deepEqual(broadcastShapes([2, 1, 4], [3, 1]), [2, 3, 4]);
  assert.deepEqual(broadcastShapes([4], [2, 3, 1]), [2, 3, 4]);
});

Deno.test("broadcastShapes() refuses sizes that differ", () => {
  const message = "Cannot broadcast [2,3] with [2,4]: sizes 3 and 4 must be equal or 1";
  assert.throws(() => broadcastShapes([2, 3], [2, 4]), new RangeError(message));
});

Deno.test("broadcastStrides() are 0 on stretched and on new axes", () => {
  assert.deepEqual(broadcastStrides([3, 1, 4], [2, 3, 5, 4]), [0, 4, 0, 1]);
  assert.deepEqual(broadcastStrides([], [2, 2]), [0, 0]);
  assert.deepEqual(broadcastStrides([2, 3], [2, 3]), [3, 1]);
});

Deno.test("checkShape() refuses sizes that are not positive integers", () => {
  checkShape([1, 2], "image");
  checkShape([], "scalar");
  for (const size of [0, -1, 1.5, NaN]) {
    assert.throws(
      () => checkShape([2, size], "image"),
      /Cannot create image of shape .*: sizes must be positive integers/,
    );
  }
});
