/**
 * From the four components of a CMYK or YCCK JPEG file to RGB, as libjpeg and Pillow do it: samples of smaller planes are
 * spread by a triangle filter, values are taken as inverted, as Adobe's programs write them, and black multiplies.
 *
 * Sources: libjpeg 6b, jdsample.c and jdcolor.c (filters and YCC, from its documentation and ITU-T T.871); Pillow 12,
 * conversion of CMYK.
 *
 * @module
 */
import type { RgbaImage } from "./rgba_image.ts";

/** Samples of one component, and how many pixels each stands for. */
export interface SamplePlane {
  readonly samples: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly across: number;
  readonly down: number;
}

const YCCK = 2;

/** Joins four planes. */
export function cmykToRgba(
  planes: readonly SamplePlane[],
  transform: number,
  { width, height }: { readonly width: number; readonly height: number },
): RgbaImage {
  const full = planes.map((plane) => spread(plane, width, height));
  const data = new Uint8Array(4 * width * height).fill(255);
  const clamp = (value: number) => Math.max(0, Math.min(255, value));
  const fix = (value: number) => Math.floor(value * 65536 + 0.5);
  for (let p = 0; p < width * height; p++) {
    const [a, b, c, key] = full.map((samples) => samples[p]!) as [number, number, number, number];
    let ink = [a, b, c];
    if (transform === YCCK) {
      const cb = b - 128, cr = c - 128, half = 32768;
      ink = [
        255 - clamp(a + ((fix(1.402) * cr + half) >> 16)),
        255 - clamp(a + ((-fix(0.34414) * cb + half - fix(0.71414) * cr) >> 16)),
        255 - clamp(a + ((fix(1.772) * cb + half) >> 16)),
      ];
    }
    // With Adobe's inversion, 255 less the key is what black leaves.
    const left = key;
    for (let i = 0; i < 3; i++) {
      const product = (255 - ink[i]!) * left + 128;
      data[4 * p + i] = clamp(left - (((product >> 8) + product) >> 8));
    }
  }
  return { width, height, data };
}

/** A plane at the size of the image. */
function spread(plane: SamplePlane, width: number, height: number): Uint8Array {
  const { samples, across, down } = plane;
  if (across === 1 && down === 1) return samples;
  const isFancy = plane.width > 2 && across === 2 && down <= 2;
  const full = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / down);
    const near = samples.subarray(row * plane.width, (row + 1) * plane.width);
    if (!isFancy) {
      for (let x = 0; x < width; x++) full[y * width + x] = near[Math.floor(x / across)]!;
      continue;
    }
    const other = Math.max(0, Math.min(plane.height - 1, y % 2 === 0 ? row - 1 : row + 1));
    const far = samples.subarray(other * plane.width, (other + 1) * plane.width);
    const sum = (i: number) => down === 2 ? 3 * near[i]! + far[i]! : near[i]!;
    const bits = down === 2 ? 4 : 2, whole = 1 << (bits - 2);
    for (let x = 0; x < width; x++) {
      const i = x >> 1, isLeft = x % 2 === 0;
      const neighbour = isLeft ? i - 1 : i + 1;
      const isEdge = neighbour < 0 || neighbour >= plane.width;
      const round = down === 2 ? (isLeft ? 8 : 7) : isLeft ? 1 : 2;
      full[y * width + x] = isEdge
        ? (4 * sum(i) + (down === 2 ? round : 0)) >> bits
        : (3 * sum(i) + sum(neighbour) + round * (down === 2 ? 1 : whole)) >> bits;
    }
  }
  return full;
}
