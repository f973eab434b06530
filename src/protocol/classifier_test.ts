import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import type { LinearHead } from "../nn/heads.ts";
import { freshHead, headRows, predict, setPrototypes } from "./classifier.ts";

function headOf(rows: readonly number[][], bias: readonly number[] = rows.map(() => 0)): LinearHead {
  return {
    weight: hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat())),
    bias: hostTensor([rows.length], Float32Array.from(bias)),
  };
}

Deno.test("freshHead() is small, seeded and without bias", () => {
  const head = freshHead(50, 20, createRng(0, "head"));
  assert.deepEqual(head, freshHead(50, 20, createRng(0, "head")));
  const deviation = Math.sqrt(head.weight.data.reduce((sum, value) => sum + value * value, 0) / 1000);
  assert.ok(Math.abs(deviation - 0.01) < 0.001, `${deviation}`);
  assert.ok(head.bias.data.every((value) => value === 0));
});

Deno.test("setPrototypes() writes the means of the given classes and leaves other rows", () => {
  const head = headOf([[9, 9], [8, 8], [7, 7]], [1, 2, 3]);
  const features = Float32Array.of(1, 2, 3, 6, 10, 20);
  const next = setPrototypes(head, [2, 1], features, [2, 2, 1]);
  assert.deepEqual([...next.weight.data], [9, 9, 10, 20, 2, 4]);
  assert.deepEqual([...next.bias.data], [0, 0, 0]);
  assert.deepEqual([...head.weight.data], [9, 9, 8, 8, 7, 7]);
});

Deno.test("headRows() is the classifier of some classes", () => {
  const head = headOf([[1, 2], [3, 4], [5, 6]], [7, 8, 9]);
  assert.deepEqual(headRows(head, [2, 0]), headOf([[5, 6], [1, 2]], [9, 7]));
});

Deno.test("predict() linear adds the bias, cosine and ncm compare directions alone", () => {
  // Class 0 points along x and is long, class 1 along the diagonal.
  const head = headOf([[10, 0], [1, 1]], [0, 100]);
  const features = Float32Array.of(3, 2, 1, 0.1);
  const predicted = (
    policy: "linear" | "cosine" | "ncm",
  ) => [...predict(policy, head, features, [0, 1], [0, 1]).classIncremental];
  assert.deepEqual(predicted("linear"), [1, 1]);
  assert.deepEqual(predicted("cosine"), [1, 0]);
  assert.deepEqual(predicted("ncm"), [1, 0]);
  assert.deepEqual([
    ...predict("linear", headOf([[10, 0], [1, 1]]), features, [0, 1], [0, 1]).classIncremental,
  ], [0, 0]);
});

Deno.test("predict() chooses among classes seen, and among the task's own where the task is known", () => {
  const head = headOf([[1, 0], [0.5, 0.5], [0, 1], [100, 100]]);
  const features = Float32Array.of(1, 0, 0, 1);
  const { classIncremental, taskIncremental } = predict("linear", head, features, [1, 2, 0], [1, 2]);
  assert.deepEqual([...classIncremental], [0, 2]);
  assert.deepEqual([...taskIncremental], [1, 2]);
});

Deno.test("predict() gives the class seen first among equal scores", () => {
  const head = headOf([[1, 1], [1, 1], [1, 1]]);
  const features = Float32Array.of(1, 1);
  assert.deepEqual([...predict("linear", head, features, [2, 0, 1], [0, 1]).classIncremental], [2]);
  assert.deepEqual([...predict("ncm", head, features, [1, 0, 2], [2, 0]).classIncremental], [1]);
  assert.deepEqual([...predict("ncm", head, features, [1, 0, 2], [2, 0]).taskIncremental], [0]);
});
