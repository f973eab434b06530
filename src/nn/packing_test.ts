import assert from "node:assert/strict";
import { hostTensor } from "../core/tensors.ts";
import { mul } from "../graph/functions.ts";
import { createPacking, pack, packTensors, unpack, unpackTensors } from "./packing.ts";
import { evaluate, noise } from "./testing.ts";

const packing = createPacking([
  { name: "w", shape: [2, 3] },
  { name: "s", shape: [] },
  { name: "b", shape: [4] },
]);
const tensors = { w: noise([2, 3]), s: noise([]), b: noise([4]) };

Deno.test("createPacking() lays tensors out in order without gaps", () => {
  assert.deepEqual(packing.entries.map(({ name, offset, size }) => [name, offset, size]), [
    ["w", 0, 6],
    ["s", 6, 1],
    ["b", 7, 4],
  ]);
  assert.equal(packing.size, 11);
  const twice = { name: "w", shape: [1] };
  assert.throws(() => createPacking([twice, twice]), /two named "w"/);
});

Deno.test("unpack() gives copies of what pack() was given", () => {
  const vector = pack(packing, { ...tensors, other: noise([9]) });
  assert.deepEqual([...vector], [...tensors.w.data, ...tensors.s.data, ...tensors.b.data]);
  const back = unpack(packing, vector);
  assert.deepEqual(back, tensors);
  vector.fill(0);
  assert.deepEqual(back, tensors);
  assert.deepEqual(unpack(packing, Float64Array.from(pack(packing, tensors))), tensors);
});

Deno.test("pack() and unpack() name what does not fit", () => {
  assert.throws(() => pack(packing, { w: tensors.w, s: tensors.s }), /"b": found nothing, wanted \[4\]/);
  const wrong = { ...tensors, w: hostTensor([3, 2]) };
  assert.throws(() => pack(packing, wrong), /"w": found \[3,2\], wanted \[2,3\]/);
  assert.throws(() => unpack(packing, new Float32Array(10)), /found 10 values, wanted 11/);
});

Deno.test("packTensors() undoes unpackTensors() in a graph", async () => {
  const vector = pack(packing, tensors);
  const { w, s, b, again } = await evaluate(
    (graph) => {
      const parts = unpackTensors(packing, graph.input("vector", [packing.size]));
      assert.deepEqual(Object.values(parts).map(({ shape }) => shape), [[2, 3], [], [4]]);
      const doubled = Object.fromEntries(
        Object.entries(parts).reverse().map(([name, value]) => [name, mul(value, 2)]),
      );
      return { ...parts, again: packTensors(packing, doubled) };
    },
    {},
    { vector },
  );
  assert.deepEqual([[...w!], [...s!], [...b!]], [[...tensors.w.data], [...tensors.s.data], [
    ...tensors.b.data,
  ]]);
  assert.deepEqual([...again!], [...vector].map((value) => 2 * value));
});
