/**
 * Seeded augmentation of normalised images for pre-training: random zoom, random crop with zero padding, horizontal
 * flip, colour jitter, and mixup. Pure functions of the images and a random stream, so a training can be repeated bit
 * for bit.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";
import { resample, taps } from "./resample.ts";

/** What to do to each image. Values of 0 switch a part off. */
export interface Augmentation {
  /**
   * Largest share of the side that zooming in cuts off: the image becomes a square part of it, enlarged. Sides are
   * drawn evenly from 1 - zoom to 1 (after the random resized crop of Szegedy et al., arXiv 1409.4842).
   */
  readonly zoom?: number | undefined;
  /** Largest shift in pixels, in both directions; what comes in from outside is 0, the mean. */
  readonly crop: number;
  /** Probability of a horizontal flip. */
  readonly flip: number;
  /** Largest relative change of contrast, and largest shift of brightness per image and of each channel, in deviations. */
  readonly jitter: number;
}

/** Size of the images to augment: [count, channels, size, size]. */
export interface ImageShape {
  readonly channels: number;
  readonly size: number;
}

/** Augments each image of a batch in place. */
export function augment(
  images: Float32Array,
  { channels, size }: ImageShape,
  { zoom = 0, crop, flip, jitter }: Augmentation,
  rng: Rng,
): void {
  const plane = size * size;
  const source = new Float32Array(plane);
  for (let start = 0; start < images.length; start += channels * plane) {
    const down = rng.integer(2 * crop + 1) - crop;
    const right = rng.integer(2 * crop + 1) - crop;
    const flipped = rng.uniform() < flip;
    const contrast = 1 + jitter * (2 * rng.uniform() - 1);
    const brightness = jitter * (2 * rng.uniform() - 1);
    const view = zoom > 0 ? drawView(zoom, size, rng) : undefined;
    for (let c = 0; c < channels; c++) {
      const shift = brightness + 0.5 * jitter * (2 * rng.uniform() - 1);
      const target = images.subarray(start + c * plane, start + (c + 1) * plane);
      if (view) resample(target, size, view, source);
      else source.set(target);
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const fromY = y - down;
          const fromX = (flipped ? size - 1 - x : x) - right;
          const isInside = fromY >= 0 && fromY < size && fromX >= 0 && fromX < size;
          target[y * size + x] = isInside ? contrast * source[fromY * size + fromX]! + shift : 0;
        }
      }
    }
  }
}

/** A random square part of an image, as the places where the rows and columns of the whole then read. */
function drawView(zoom: number, size: number, rng: Rng) {
  const side = size * (1 - zoom * rng.uniform());
  const top = (size - side) * rng.uniform();
  const left = (size - side) * rng.uniform();
  return { rows: taps(size, size, top, side), columns: taps(size, size, left, side) };
}

/**
 * Mixup (Zhang et al., arXiv 1710.09412): each image becomes share · itself + (1 - share) · its partner.
 *
 * @param strength Both parameters of the Beta distribution that the share is drawn from; one share per batch
 * @returns The share and, for each image, the position of its partner
 */
export function mixup(
  images: Float32Array,
  count: number,
  strength: number,
  rng: Rng,
): { readonly share: number; readonly partners: Int32Array } {
  const share = strength > 0 ? betaSample(strength, rng) : 1;
  const partners = Int32Array.from(rng.shuffle(Array.from({ length: count }, (_, i) => i)));
  if (share === 1) return { share, partners };
  const size = images.length / count;
  const original = images.slice();
  for (let i = 0; i < count; i++) {
    const partner = partners[i]! * size;
    for (let j = 0; j < size; j++) {
      images[i * size + j] = share * original[i * size + j]! + (1 - share) * original[partner + j]!;
    }
  }
  return { share, partners };
}

/**
 * A sample of Beta(a, a) for any a > 0 by Jöhnk's rejection ("Erzeugung von betaverteilten und gammaverteilten
 * Zufallszahlen", Metrika 8, 1964).
 */
function betaSample(a: number, rng: Rng): number {
  for (;;) {
    const x = rng.uniform() ** (1 / a);
    const y = rng.uniform() ** (1 / a);
    if (x + y <= 1 && x + y > 0) return x / (x + y);
  }
}
