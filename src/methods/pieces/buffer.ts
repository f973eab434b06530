/**
 * A buffer of images from earlier tasks, with whatever else belongs to each of them. Kept as plain arrays, so that it
 * is counted as it is: a byte a pixel.
 *
 * @module
 */
import type { Rng } from "../../core/rng.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import type { Split } from "../../data/dataset.ts";
import type { Table } from "../../train/table.ts";

/** Stored images: `count` of them, in no order that means anything. */
export type ImageBuffer = {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  /** Further values of each image: [count, …]. */
  readonly columns: { readonly [name: string]: { readonly shape: number[]; readonly data: Float32Array } };
  /** Images that came by so far. */
  readonly offered: number;
};

/** Nothing is stored yet. */
export const emptyBuffer: ImageBuffer = {
  images: new Uint8Array(),
  labels: new Int32Array(),
  columns: {},
  offered: 0,
};

/**
 * Reservoir sampling (Vitter 1985): each image that came by is stored with the same probability.
 *
 * @param columns Further values [count, …] of the offered images; the same names at every call
 */
export function offer(
  buffer: ImageBuffer,
  { images, labels, count }: Split,
  size: number,
  rng: Rng,
  columns: NamedTensors = {},
): ImageBuffer {
  const pixels = count > 0 ? images.length / count : 0;
  const held = Math.min(size, buffer.offered + count);
  const widthOf = (name: string) => columns[name]!.data.length / count;
  const next = {
    images: new Uint8Array(held * pixels),
    labels: new Int32Array(held),
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, { shape }]) => {
        const data = new Float32Array(held * widthOf(name));
        data.set(buffer.columns[name]?.data ?? []);
        return [name, { shape: [held, ...shape.slice(1)], data }];
      }),
    ),
    offered: buffer.offered + count,
  };
  next.images.set(buffer.images);
  next.labels.set(buffer.labels);
  for (let i = 0; i < count; i++) {
    const place = buffer.offered + i < size ? buffer.offered + i : rng.integer(buffer.offered + i + 1);
    if (place >= size) continue;
    next.images.set(images.subarray(i * pixels, (i + 1) * pixels), place * pixels);
    next.labels[place] = labels[i]!;
    for (const [name, { data }] of Object.entries(next.columns)) {
      const width = widthOf(name);
      data.set(columns[name]!.data.subarray(i * width, (i + 1) * width), place * width);
    }
  }
  return next;
}

/** The stored images with their values as a table. */
export function bufferTable({ images, labels, columns }: ImageBuffer): Table {
  return {
    count: labels.length,
    images: { images, labels, count: labels.length },
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, { shape, data }]) => [name, hostTensor(shape, data)]),
    ),
  };
}
