/**
 * Views: images made of a few others, where a method needs more of them than it has. A rectangle of another image is
 * pasted into an image (CutMix, Yun et al., arXiv 1905.04899), either is flipped half of the time, and each channel is
 * scaled. Integer arithmetic only, so that every machine gets the same bytes.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import type { ImageShape } from "./conditions/pixels.ts";
import type { Split } from "./dataset.ts";

/** Scales of a channel, in 256ths: 0.6 to 1.4. */
const [LEAST_GAIN, GAINS] = [154, 205];

/** The images, and after them views of them until there are `count`; each has the label of what surrounds its patch. */
export function withViews(split: Split, shape: ImageShape, count: number, rng: Rng): Split {
  if (split.count === 0 || count <= split.count) return split;
  const size = shape.channels * shape.height * shape.width;
  const images = new Uint8Array(count * size);
  const labels = new Int32Array(count);
  images.set(split.images);
  labels.set(split.labels);
  for (let i = split.count; i < count; i++) {
    const [around, inside] = [rng.integer(split.count), rng.integer(split.count)];
    const imageOf = (index: number) => split.images.subarray(index * size, (index + 1) * size);
    drawView(imageOf(around), imageOf(inside), shape, rng, images.subarray(i * size, (i + 1) * size));
    labels[i] = split.labels[around]!;
  }
  return { images, labels, count };
}

function drawView(
  around: Uint8Array,
  inside: Uint8Array,
  { channels, height, width }: ImageShape,
  rng: Rng,
  target: Uint8Array,
): void {
  const flips = [rng.integer(2) === 1, rng.integer(2) === 1];
  const [top, left] = [rng.integer(height), rng.integer(width)];
  const [bottom, right] = [top + rng.integer(height), left + rng.integer(width)];
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    const gain = LEAST_GAIN + rng.integer(GAINS);
    for (let y = 0; y < height; y++) {
      const row = (channel * height + y) * width;
      for (let x = 0; x < width; x++) {
        const isInside = y >= top && y < bottom && x >= left && x < right;
        const column = flips[Number(isInside)] ? width - 1 - x : x;
        const value = (isInside ? inside : around)[row + column]!;
        target[at++] = Math.min(255, (value * gain) >> 8);
      }
    }
  }
}
