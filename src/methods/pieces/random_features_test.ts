import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { assertNear, compute, expected, rowsTensor, vector } from "../replay/test_graph.ts";
import { cosine, fourierFeatures, fourierMap } from "./random_features.ts";

Deno.test("cosine() is the cosine up to 64, and finite beyond", async () => {
  const angles = Float32Array.from({ length: 2001 }, (_, i) => (i - 1000) * 0.064);
  const x = hostTensor([angles.length], angles);
  const { y } = await compute({ x }, ({ x }) => ({ y: cosine(x) }));
  assertNear(y!, angles.map((angle) => Math.cos(angle)), 1e-4);
  const small = hostTensor([3], Float32Array.of(0, 1, -2));
  assertNear((await compute({ x: small }, ({ x }) => ({ y: cosine(x) })))["y"]!, [
    1,
    Math.cos(1),
    Math.cos(2),
  ], 1e-5);
  const far = hostTensor([2], Float32Array.of(1e9, -1e9));
  const { y: beyond } = await compute({ x: far }, ({ x }) => ({ y: cosine(x) }));
  assert.ok(beyond!.every((value) => Math.abs(value) <= 1.001));
});

Deno.test("fourierFeatures() are NumPy's", async () => {
  const { x, w, b, features } = expected.fourier;
  const inputs = { x: rowsTensor(x), weight: rowsTensor(w), phase: vector(b) };
  const { y } = await compute(inputs, ({ x, weight, phase }) => ({
    y: fourierFeatures(x, { "fourier.weight": weight, "fourier.phase": phase }),
  }));
  assertNear(y!, features.flat(), 1e-4);
});

Deno.test("inner products of Fourier features are nearly the kernel exp(-γ |x - y|²)", async () => {
  const gamma = 0.3;
  const points = [[0, 0, 0], [1, 0.5, -1], [0.2, -0.1, 0.3], [2, 2, 2]];
  const map = fourierMap(createRng(0, "map"), 3, 4000, gamma);
  const inputs = { x: rowsTensor(points), weight: map["fourier.weight"]!, phase: map["fourier.phase"]! };
  const { y } = await compute(inputs, ({ x, weight, phase }) => ({
    y: fourierFeatures(x, { "fourier.weight": weight, "fourier.phase": phase }),
  }));
  points.forEach((p, i) => {
    points.forEach((q, j) => {
      let found = 0;
      for (let f = 0; f < 4000; f++) found += y![i * 4000 + f]! * y![j * 4000 + f]!;
      const distance = p.reduce((sum, value, axis) => sum + (value - q[axis]!) ** 2, 0);
      assert.ok(Math.abs(found - Math.exp(-gamma * distance)) < 0.06, `${i}, ${j}: ${found}`);
    });
  });
});
