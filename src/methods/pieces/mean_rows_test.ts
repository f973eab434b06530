import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { meanRows } from "./mean_rows.ts";

const width = 3;
const labels = [4, 1, 4, 1, 4, 1];
const rng = createRng(0, "features");
const features = hostTensor([6, width], Float32Array.from({ length: 18 }, () => rng.normal()));

/** Log densities of Gaussians of one variance around the class means, up to a term common to all. */
function logDensities(at: ArrayLike<number>): Record<number, number> {
  const rowsOf = (label: number) =>
    labels.flatMap((own, i) => own === label ? [features.data.subarray(i * width, (i + 1) * width)] : []);
  const means = Object.fromEntries([1, 4].map((label) => {
    const rows = rowsOf(label);
    return [label, [0, 1, 2].map((i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length)];
  }));
  const squares = (row: ArrayLike<number>, mean: number[]) =>
    mean.reduce((sum, value, i) => sum + (row[i]! - value) ** 2, 0);
  const within = [1, 4].flatMap((label) => rowsOf(label).map((row) => squares(row, means[label]!)))
    .reduce((sum, value) => sum + value, 0);
  const variance = within / ((labels.length - 2) * width);
  return Object.fromEntries([1, 4].map((label) => [label, -squares(at, means[label]!) / (2 * variance)]));
}

Deno.test("meanRows() gives log posteriors of Gaussians around the means, scaled by the sharpness", () => {
  for (const sharpness of [1, 0.05]) {
    const rows = meanRows(features, labels, [1, 4], 6, sharpness);
    const [weight, bias] = [rows["head.weight"]!, rows["head.bias"]!];
    assert.deepEqual(weight.shape, [6, width]);
    const at = [0.3, -1.2, 0.7];
    const logit = (label: number) =>
      at.reduce((sum, value, i) => sum + value * weight.data[label * width + i]!, bias.data[label]!);
    const wanted = logDensities(at);
    assert.ok(Math.abs(logit(4) - logit(1) - sharpness * (wanted[4]! - wanted[1]!)) < 1e-5);
    assert.equal(logit(0), 0, "a class of another task has no rows");
  }
});

Deno.test("meanRows() of one image a class is finite", () => {
  const one = hostTensor([2, 2], Float32Array.of(1, 2, 3, 4));
  const rows = meanRows(one, [0, 1], [0, 1], 2, 0.5);
  assert.ok(Object.values(rows).every(({ data }) => data.every(Number.isFinite)));
});
