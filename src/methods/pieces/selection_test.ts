import assert from "node:assert/strict";
import { evaluate } from "../../nn/testing.ts";
import { among, best, bestOnes, mix } from "./selection.ts";

const scores = Float32Array.from([1, 3, 2, 3, 5, 5, 5, 5, -1, -2, -3, -4]);

Deno.test("best() marks the first of the largest, whatever its sign", async () => {
  const { found } = await evaluate((graph) => ({ found: best(graph.input("x", [3, 4])) }), {}, { x: scores });
  assert.deepEqual([...found!], [0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
});

Deno.test("bestOnes() goes on to the next, and no further than there are candidates", async () => {
  const outputs = await evaluate(
    (graph) => {
      const choices = bestOnes(graph.input("x", [3, 4]), 9);
      return Object.fromEntries(choices.map((choice, i) => [`${i}`, choice]));
    },
    {},
    { x: scores },
  );
  const order = Object.values(outputs).map((choice) =>
    [0, 1, 2].map((row) => choice.subarray(4 * row, 4 * row + 4).indexOf(1))
  );
  assert.deepEqual(order, [[1, 0, 0], [3, 1, 1], [2, 2, 2], [0, 3, 3]]);
});

Deno.test("among() leaves only those of a mask, and mix() takes what was chosen", async () => {
  const { found } = await evaluate(
    (graph) => {
      const choice = best(among(graph.input("x", [3, 4]), graph.input("mask", [4])));
      return { found: mix(choice, graph.input("table", [4, 1, 2])) };
    },
    {},
    {
      x: scores,
      mask: Float32Array.of(1, 0, 1, 0),
      table: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    },
  );
  assert.deepEqual([...found!], [5, 6, 1, 2, 1, 2]);
});
