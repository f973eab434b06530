import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { withViews } from "./views.ts";

const shape = { channels: 3, height: 4, width: 5 };
const size = 60;
const flat = (values: readonly number[]) => ({
  images: Uint8Array.from(values.flatMap((value) => new Array<number>(size).fill(value))),
  labels: Int32Array.from(values.keys()),
  count: values.length,
});

Deno.test("withViews() keeps the images, and repeats by seed", () => {
  const split = flat([10, 100, 200]);
  const made = withViews(split, shape, 40, createRng(0, "views"));
  assert.equal(made.count, 40);
  assert.equal(made.images.length, 40 * size);
  assert.deepEqual(made.images.subarray(0, 3 * size), split.images);
  assert.deepEqual(made.labels.subarray(0, 3), split.labels);
  assert.deepEqual(withViews(split, shape, 40, createRng(0, "views")), made);
  assert.notDeepEqual(withViews(split, shape, 40, createRng(1, "views")).images, made.images);
  assert.equal(withViews(split, shape, 3, createRng(0, "views")), split);
});

Deno.test("a view is one image around another, each channel scaled by 0.6 to 1.4", () => {
  const values = [10, 100, 200];
  const { images, labels, count } = withViews(flat(values), shape, 200, createRng(0, "views"));
  const patched: number[] = [];
  for (let i = 3; i < count; i++) {
    const own = values[labels[i]!]!;
    for (let channel = 0; channel < 3; channel++) {
      const plane = images.subarray(i * size + channel * 20, i * size + channel * 20 + 20);
      const tones = [...new Set(plane)];
      assert.ok(tones.length <= 2, "two images at most");
      // The scale is that of both: their ratio is kept, up to rounding down and white.
      const gains = tones.map((tone) => values.map((value) => tone === 255 ? 1.3 : (tone + 0.5) / value));
      assert.ok(gains.every((of) => of.some((gain) => gain > 0.58 && gain < 1.46)), `${tones}`);
    }
    if (new Set(images.subarray(i * size, i * size + 20)).size === 2) patched.push(own);
  }
  assert.ok(patched.length > 50 && patched.length < 197, `${patched.length} of 197 have a patch`);
});

Deno.test("a view shows its image from the left or from the right", () => {
  const images = Uint8Array.from({ length: size }, (_, i) => 10 * (1 + i % 5));
  const { images: made } = withViews(
    { images, labels: Int32Array.of(0), count: 1 },
    shape,
    100,
    createRng(0, "views"),
  );
  // The rows of an image that is its own patch rise, fall, or turn where the patch begins and ends.
  const rises = Array.from({ length: 99 }, (_, i) => made[(i + 1) * size + 4]! > made[(i + 1) * size]!);
  const share = rises.filter(Boolean).length / rises.length;
  assert.ok(share > 0.3 && share < 0.7, `${share}`);
});
