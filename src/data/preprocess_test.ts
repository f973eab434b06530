import assert from "node:assert/strict";
import type { Split } from "./dataset.ts";
import { toFloatImages, writeFloatImages } from "./preprocess.ts";

function split(size: number, ...bytes: number[]): Split {
  const count = bytes.length / size;
  return { images: Uint8Array.from(bytes), labels: new Int32Array(count), count };
}

function assertClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) =>
    assert.ok(Math.abs(actual[i]! - value) < 1e-6, `at ${i}: found ${actual[i]}, wanted ${value}`)
  );
}

Deno.test("toFloatImages() normalises each channel in the order of the indices", () => {
  const images = split(3, 0, 51, 102, 255, 204, 153); // two RGB images of one pixel
  const options = {
    channels: 3,
    height: 1,
    width: 1,
    size: 1,
    mean: [0, 0.2, 0.4],
    std: [1, 0.5, 0.1],
  } as const;
  assertClose(toFloatImages(images, [1, 0], options), [1, 1.2, 2, 0, 0, 0]);
});

Deno.test("toFloatImages() repeats gray for three channels and takes luma for one", () => {
  const gray = split(1, 51);
  const toRgb = { channels: 1, height: 1, width: 1, size: 1, mean: [0, 0, 0.2], std: [1, 0.1, 1] } as const;
  assertClose(toFloatImages(gray, [0], toRgb), [0.2, 2, 0]);
  const rgb = split(3, 255, 0, 0, 0, 255, 0, 0, 0, 255);
  const toGray = { channels: 3, height: 1, width: 1, size: 1, mean: [0], std: [1] } as const;
  assertClose(toFloatImages(rgb, [0, 1, 2], toGray), [0.299, 0.587, 0.114]);
});

Deno.test("toFloatImages() resizes with half-pixel centres", () => {
  // A row 0, 255 seen by four pixels: centres at -0.25, 0.25, 0.75, 1.25, clamped to the row.
  const images = split(4, 0, 255, 0, 255);
  const options = { channels: 1, height: 2, width: 2, size: 4, mean: [0], std: [1] } as const;
  const row = [0, 0.25, 0.75, 1];
  assertClose(toFloatImages(images, [0], options), [...row, ...row, ...row, ...row]);
  // Halving reads between pairs: the mean of each 2x2 block.
  const ramp = split(16, ...Array.from({ length: 16 }, (_, i) => i * 17));
  const half = { channels: 1, height: 4, width: 4, size: 2, mean: [0], std: [1] } as const;
  assertClose(toFloatImages(ramp, [0], half), [2.5 / 15, 4.5 / 15, 10.5 / 15, 12.5 / 15]);
});

Deno.test("toFloatImages() resizes colour images of unequal sides channel by channel", () => {
  const images = split(6, 10, 20, 30, 40, 50, 60); // [3, 1, 2]
  const options = { channels: 3, height: 1, width: 2, size: 1, mean: [0, 0, 0], std: [1, 1, 1] } as const;
  assertClose(toFloatImages(images, [0], options), [15 / 255, 35 / 255, 55 / 255]);
});

Deno.test("writeFloatImages() writes at the offset and nothing else", () => {
  const target = new Float32Array(5).fill(7);
  const options = { channels: 1, height: 1, width: 1, size: 1, mean: [0], std: [1] } as const;
  writeFloatImages(target, 2, split(1, 0, 255), [0, 1], options);
  assertClose(target, [7, 7, 0, 1, 7]);
  assert.throws(() => writeFloatImages(target, 4, split(1, 0, 255), [0, 1], options), {
    message: "Cannot write 2 images: found room for 5 values, wanted 6",
  });
});

Deno.test("toFloatImages() refuses indices outside the split and bad normalisation", () => {
  const options = { channels: 1, height: 1, width: 1, size: 1, mean: [0], std: [1] } as const;
  assert.throws(() => toFloatImages(split(1, 0), [1], options), RangeError);
  assert.throws(() => toFloatImages(split(1, 0), [0], { ...options, std: [0] }), RangeError);
  assert.throws(() => toFloatImages(split(1, 0), [0], { ...options, mean: [0, 0] }), RangeError);
  assert.throws(() => toFloatImages(split(1, 0), [0], { ...options, size: 0 }), RangeError);
});
