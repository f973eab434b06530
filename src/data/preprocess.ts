/**
 * From bytes to what a backbone eats: value / 255, channels and size as the backbone wants them, then
 * (x - mean) / std per channel.
 *
 * Resizing is bilinear with half-pixel centres (source = (target + 0.5) · from / to - 0.5, clamped at the edges)
 * and no antialiasing: shrinking by more than two skips pixels. Height and width are scaled independently.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import type { Split } from "./dataset.ts";
import { resample, taps } from "./resample.ts";

/** What the images are and what the backbone wants. */
export interface Preprocessing {
  /** Channels, height and width of the stored images. */
  readonly channels: 1 | 3;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** Height and width of the result. */
  readonly size: number;
  /**
   * Mean and standard deviation per channel of the result, on the scale 0 to 1. Their number, 1 or 3, is the number
   * of channels of the result: gray becomes RGB by repetition, RGB becomes gray by ITU-R BT.601 luma.
   */
  readonly mean: readonly number[];
  /** As many numbers as `mean`, above 0. */
  readonly std: readonly number[];
}

/** Weights of R, G, B in luma (ITU-R BT.601). */
export const LUMA = [0.299, 0.587, 0.114] as const;

/**
 * The images at `indices`, normalised: `[indices.length, mean.length, size, size]`.
 *
 * @throws {RangeError} If the normalisation does not have 1 or 3 channels, or an index is outside the split
 */
export function toFloatImages(
  split: Split,
  indices: ArrayLike<number>,
  options: Preprocessing,
): Float32Array {
  const target = new Float32Array(sizeOf([indices.length, options.mean.length, options.size, options.size]));
  writeFloatImages(target, 0, split, indices, options);
  return target;
}

/**
 * Same as `toFloatImages`, written into `target` from element `offset`.
 *
 * @throws {RangeError} As `toFloatImages`, and if `target` is too short
 */
export function writeFloatImages(
  target: Float32Array,
  offset: number,
  split: Split,
  indices: ArrayLike<number>,
  options: Preprocessing,
): void {
  const { channels, height, width, size, mean, std } = options;
  checkOptions(options);
  const plane = height * width;
  const outPlane = size * size;
  const wanted = offset + indices.length * mean.length * outPlane;
  if (wanted > target.length) {
    throw new RangeError(
      `Cannot write ${indices.length} images: found room for ${target.length} values, wanted ${wanted}`,
    );
  }
  const places = height === size && width === size
    ? undefined
    : { rows: taps(height, size), columns: taps(width, size) };
  const scratch = new Float32Array(places ? plane : 0);
  const tables = mean.map((m, c) => byteTable(m, std[c]!));
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!(index >= 0 && index < split.count)) {
      throw new RangeError(`Cannot read image ${index}: the split holds ${split.count}`);
    }
    const image = split.images.subarray(index * channels * plane, (index + 1) * channels * plane);
    for (let c = 0; c < mean.length; c++) {
      const [into, at] = places ? [scratch, 0] : [target, offset];
      if (channels === 3 && mean.length === 1) writeLuma(into, at, image, mean[0]!, std[0]!);
      else writePlane(into, at, image.subarray(channels === 3 ? c * plane : 0), plane, tables[c]!);
      if (places) resample(scratch, width, places, target, offset);
      offset += outPlane;
    }
  }
}

/** Normalised value of every byte. */
function byteTable(mean: number, std: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / std);
}

function writePlane(
  target: Float32Array,
  at: number,
  bytes: Uint8Array,
  count: number,
  table: Float32Array,
): void {
  for (let p = 0; p < count; p++) target[at + p] = table[bytes[p]!]!;
}

function writeLuma(target: Float32Array, at: number, rgb: Uint8Array, mean: number, std: number): void {
  const plane = rgb.length / 3;
  for (let p = 0; p < plane; p++) {
    const luma = LUMA[0] * rgb[p]! + LUMA[1] * rgb[plane + p]! + LUMA[2] * rgb[2 * plane + p]!;
    target[at + p] = (luma / 255 - mean) / std;
  }
}

function checkOptions({ size, mean, std }: Preprocessing): void {
  if (mean.length !== std.length || (mean.length !== 1 && mean.length !== 3)) {
    throw new RangeError(
      `Cannot normalise images: found ${mean.length} means and ${std.length} deviations, wanted 1 or 3 of each`,
    );
  }
  if (std.some((value) => !(value > 0)) || !mean.every(Number.isFinite)) {
    throw new RangeError(
      `Cannot normalise images: found mean [${mean}] and std [${std}], wanted finite means and deviations above 0`,
    );
  }
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Cannot resize images: found size ${size}, wanted a positive integer`);
  }
}
