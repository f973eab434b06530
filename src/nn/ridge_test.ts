import assert from "node:assert/strict";
import { hostLogits, shareRight } from "./heads.ts";
import { ridgeHead } from "./ridge.ts";

const features = Float64Array.of(1, 2, 3, -1, 0, 5, 2, 2, -3, 1, 4, 7);
const labels = [0, 1, 2, 0, 1, 2];

Deno.test("ridgeHead() solves the normal equations of standardised features", () => {
  // NumPy: z = (x - x.mean(0)) / x.std(0); z @ solve(z.T @ z + 2 I, z.T @ (e - e.mean(0))) + e.mean(0).
  const logits = hostLogits(ridgeHead(features, labels, 3, 2), features);
  const wanted = [
    0.348248557,
    0.399794481,
    0.251956962,
    0.477453380,
    0.599381932,
    -0.076835313,
    0.241620576,
    0.164029679,
    0.594349745,
    0.370825400,
    0.363617131,
    0.265557470,
    0.285958231,
    0.635151268,
    0.078890501,
    0.275893856,
    -0.161974491,
    0.886080636,
  ];
  logits.forEach((value, i) =>
    assert.ok(Math.abs(value - wanted[i]!) < 1e-6, `${i}: ${value}, ${wanted[i]}`)
  );
});

Deno.test("ridgeHead() takes features of one value and classes without samples", () => {
  const withConstant = Float64Array.from(
    { length: 18 },
    (_, i) => i % 3 === 2 ? 7 : features[i - Math.floor(i / 3)]!,
  );
  const plain = hostLogits(ridgeHead(features, labels, 3, 2), features);
  const logits = hostLogits(ridgeHead(withConstant, labels, 4, 2), withConstant);
  for (let sample = 0; sample < 6; sample++) {
    for (let c = 0; c < 3; c++) {
      assert.ok(Math.abs(logits[sample * 4 + c]! - plain[sample * 3 + c]!) < 1e-6);
    }
    assert.ok(logits[sample * 4 + 3]! < -1e29);
  }
});

Deno.test("ridgeHead() separates what is separable, and refuses a penalty that is not positive", () => {
  const separable = Float32Array.from(
    { length: 40 },
    (_, i) => i % 2 === 0 ? Math.floor(i / 2) % 2 : Math.sin(i),
  );
  const own = Int32Array.from({ length: 20 }, (_, i) => i % 2);
  assert.equal(shareRight(hostLogits(ridgeHead(separable, own, 2), separable), own), 1);
  for (const penalty of [0, -1, NaN]) {
    assert.throws(() => ridgeHead(features, labels, 3, penalty), /wanted a positive one/);
  }
});
