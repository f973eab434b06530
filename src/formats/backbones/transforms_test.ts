import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { asConvolution, scaleRows, transposed, withRank } from "./transforms.ts";

function tensor(shape: readonly number[]): HostTensor {
  return hostTensor(shape);
}

Deno.test("withRank() adds and removes leading axes of size 1", () => {
  assert.deepEqual(withRank(3)(tensor([5, 2])).shape, [1, 5, 2]);
  assert.deepEqual(withRank(3)(tensor([2])).shape, [1, 1, 2]);
  assert.deepEqual(withRank(2)(tensor([1, 1, 5, 2])).shape, [5, 2]);
  assert.throws(() => withRank(2)(tensor([2, 5, 2])), RangeError);
});

Deno.test("asConvolution() puts the pixels of flat patches where a convolution has them", () => {
  // Two outputs, patches of 2x2 RGB pixels; the value of a weight is its place in the flat patch.
  const flat = hostTensor([2, 12], Float32Array.from({ length: 24 }, (_, i) => i % 12 + (i < 12 ? 0 : 100)));
  const last = asConvolution("channels-last")(flat);
  assert.deepEqual(last.shape, [2, 3, 2, 2]);
  assert.deepEqual([...last.data.subarray(0, 12)], [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
  assert.equal(last.data[12 + 4], 101);
  const first = asConvolution("channels-first")(flat);
  assert.deepEqual([first.shape, first.data], [[2, 3, 2, 2], flat.data]);
  assert.deepEqual(asConvolution("channels-last")(tensor([5, 16])).shape, [5, 1, 4, 4]);
  assert.deepEqual(asConvolution("channels-last")(tensor([5])).shape, [5]);
  assert.throws(() => asConvolution("channels-last")(tensor([5, 10])), RangeError);
  assert.throws(() => asConvolution("channels-last")(tensor([5, 3, 2, 2])), RangeError);
});

Deno.test("transposed() swaps rows and columns", () => {
  const { shape, data } = transposed(hostTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)));
  assert.deepEqual([shape, [...data]], [[3, 2], [1, 4, 2, 5, 3, 6]]);
  assert.throws(() => transposed(tensor([2])), RangeError);
});

Deno.test("scaleRows() multiplies each row by its factor", () => {
  const factors = hostTensor([2], Float32Array.of(2, -1));
  const matrix = hostTensor([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
  assert.deepEqual([...scaleRows(matrix, factors).data], [2, 4, 6, -4, -5, -6]);
  assert.deepEqual([...scaleRows(hostTensor([2], Float32Array.of(3, 4)), factors).data], [6, -4]);
  assert.throws(() => scaleRows(tensor([3, 2]), factors), /2 factors.*\[3,2\]/);
});
