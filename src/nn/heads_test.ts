import assert from "node:assert/strict";
import { hostTensor } from "../core/tensors.ts";
import {
  classMeans,
  cosineHead,
  cosineMeansHead,
  euclideanHead,
  type LinearHead,
  linearHead,
  unitRows,
} from "./heads.ts";
import { distance, evaluate, noise } from "./testing.ts";

const features = Float32Array.of(1, 2, 3, 4, -1, 0, 5, 6);
const labels = [0, 2, 0, 2];

/** Logits on the host. */
function logits({ weight, bias }: LinearHead, feature: readonly number[]): number[] {
  return Array.from(
    bias.data,
    (b, c) => feature.reduce((sum, x, i) => sum + x * weight.data[c * feature.length + i]!, b),
  );
}

Deno.test("classMeans() averages the features of each class", () => {
  const { means, counts, width } = classMeans(features, labels, 3);
  assert.equal(width, 2);
  assert.deepEqual([...means], [0, 1, 0, 0, 4, 5]);
  assert.deepEqual([...counts], [2, 0, 2]);
  assert.throws(() => classMeans(features, [0, 1, 3, 0], 3), /label 3, wanted one below 3/);
  assert.throws(() => classMeans(features, [0, 1, 2], 3), /8 values for 3 samples/);
});

Deno.test("classMeans() sums in float64", () => {
  const many = new Float32Array(100_001).fill(1);
  many[0] = 2 ** 24;
  const { means } = classMeans(many, new Uint8Array(many.length), 1);
  assert.equal(means[0], (2 ** 24 + 100_000) / 100_001);
});

Deno.test("euclideanHead() ranks classes by their distance", () => {
  const statistics = classMeans(features, labels, 3);
  const head = euclideanHead(statistics);
  const feature = [3, 1];
  const [first, absent, last] = logits(head, feature) as [number, number, number];
  // |f|² - logit is the squared distance.
  assert.ok(Math.abs(10 - first - 9) < 1e-6);
  assert.ok(Math.abs(10 - last - 17) < 1e-6);
  assert.ok(absent < -1e29);
});

Deno.test("cosineMeansHead() ranks classes by their angle", () => {
  const head = cosineMeansHead(classMeans(features, labels, 3));
  const [first, absent, last] = logits(head, [...unitRows(Float64Array.of(3, 4), 2)]) as [
    number,
    number,
    number,
  ];
  assert.ok(Math.abs(first - 0.8) < 1e-6);
  assert.ok(Math.abs(last - (0.6 * 4 + 0.8 * 5) / Math.sqrt(41)) < 1e-6);
  assert.ok(absent < -1e29);
  assert.deepEqual([...unitRows(Float64Array.of(0, 0, 0, 2), 2)], [0, 0, 0, 1]);
});

Deno.test("linearHead() and cosineHead() give their formulas", async () => {
  const weight = noise([3, 4]);
  const bias = noise([3]);
  const feature = noise([2, 4]);
  const { linear, cosine } = await evaluate((graph) => {
    const state = (name: string, shape: readonly number[]) => graph.state(name, shape);
    const [x, w] = [state("feature", [2, 4]), state("weight", [3, 4])];
    return { linear: linearHead(x, w, state("bias", [3])), cosine: cosineHead(x, w, 16) };
  }, { weight, bias, feature });
  const rows = [0, 1].map((i) => [...feature.data.subarray(4 * i, 4 * i + 4)]);
  assert.ok(distance(linear!, rows.flatMap((row) => logits({ weight, bias }, row))) < 1e-12);
  const units: LinearHead = {
    weight: hostTensor([3, 4], Float32Array.from(unitRows(weight.data, 4))),
    bias: hostTensor([3]),
  };
  const cosines = rows.flatMap((row) => logits(units, [...unitRows(Float64Array.from(row), 4)]));
  assert.ok(distance(cosine!, cosines.map((value) => 16 * value)) < 1e-5);
});
