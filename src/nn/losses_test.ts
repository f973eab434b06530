import assert from "node:assert/strict";
import { gradients } from "../graph/autodiff.ts";
import type { Graph } from "../graph/graph.ts";
import { maskedLoss, smoothedLoss } from "./losses.ts";
import { distance, evaluate, noise } from "./testing.ts";

const logits = noise([4, 5]);
const labels = Int32Array.of(0, 3, 4, 0);
const mask = [1, 0, 0, 1, 1];
const weights = [1, 2, 0.5, 0];

/** log p of the unmasked classes, -∞ elsewhere. */
function logProbabilities(row: number): number[] {
  const z = [...logits.data.subarray(5 * row, 5 * row + 5)];
  const total = z.reduce((sum, value, c) => sum + mask[c]! * Math.exp(value), 0);
  return z.map((value, c) => mask[c] ? value - Math.log(total) : -Infinity);
}

function weighted(loss: (row: number) => number): number {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.reduce((sum, weight, row) => sum + (weight === 0 ? 0 : weight * loss(row)), 0) / total;
}

function operands(graph: Graph) {
  return [
    graph.state("logits", [4, 5]),
    graph.input("labels", [4], "i32"),
    graph.constant(mask, [5]),
    graph.constant(weights, [4]),
  ] as const;
}

Deno.test("maskedLoss() is the weighted mean of -log p over unmasked classes", async () => {
  const { loss, slope } = await evaluate(
    (graph) => {
      const loss = maskedLoss(...operands(graph));
      return { loss, slope: gradients(loss, [graph.state("logits", [4, 5])])[0]! };
    },
    { logits },
    { labels },
  );
  assert.ok(distance(loss!, [weighted((row) => -logProbabilities(row)[labels[row]!]!)]) < 1e-12);
  // Nothing flows to a masked class or to a sample of weight 0.
  for (let row = 0; row < 4; row++) {
    for (let c = 0; c < 5; c++) assert.equal(slope![5 * row + c] === 0, mask[c] === 0 || weights[row] === 0);
  }
});

Deno.test("smoothedLoss() spreads part of the target over unmasked classes", async () => {
  const smoothing = 0.2;
  const { loss, sharp, plain } = await evaluate(
    (graph) => {
      const given = operands(graph);
      return {
        loss: smoothedLoss(...given, smoothing),
        sharp: smoothedLoss(...given, 0),
        plain: maskedLoss(...given),
      };
    },
    { logits },
    { labels },
  );
  const expected = weighted((row) => {
    const logP = logProbabilities(row);
    const even = logP.filter(Number.isFinite).reduce((a, b) => a + b, 0) / 3;
    return -(1 - smoothing) * logP[labels[row]!]! - smoothing * even;
  });
  assert.ok(distance(loss!, [expected]) < 1e-12);
  assert.deepEqual(sharp, plain);
});
