/**
 * Herding (Welling 2009; as iCaRL uses it): the images of a class whose mean feature stays nearest to that of the whole
 * class however many of them are kept, the first being the most telling. And sets of images, put together.
 *
 * @module
 */
import type { Split } from "../../data/dataset.ts";
import { selectImages } from "../../data/dataset.ts";
import { unitRows } from "../../nn/heads.ts";

/**
 * Rows in the order in which they are taken: each brings the mean of those taken so far nearest to the mean of all. Of
 * equals the first wins; no row is taken twice.
 *
 * @param features [rows, width], of any length: they are scaled to length 1
 * @param count At most all rows are taken
 */
export function herd(features: Float32Array | Float64Array, width: number, count: number): number[] {
  const unit = unitRows(features, width);
  const rows = unit.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < unit.length; i++) mean[i % width]! += unit[i]! / rows;
  const sum = new Float64Array(width);
  const taken: number[] = [];
  while (taken.length < Math.min(count, rows)) {
    const size = taken.length + 1;
    let [best, least] = [-1, Infinity];
    for (let row = 0; row < rows; row++) {
      if (taken.includes(row)) continue;
      let distance = 0;
      for (let i = 0; i < width; i++) distance += (mean[i]! - (sum[i]! + unit[row * width + i]!) / size) ** 2;
      if (distance < least) [best, least] = [row, distance];
    }
    for (let i = 0; i < width; i++) sum[i]! += unit[best * width + i]!;
    taken.push(best);
  }
  return taken;
}

/** Rows of each class of some, in their order. */
export function rowsByClass(labels: ArrayLike<number>, classes: readonly number[]): Map<number, number[]> {
  const found = new Map<number, number[]>(classes.map((label) => [label, []]));
  for (let row = 0; row < labels.length; row++) found.get(labels[row]!)?.push(row);
  return found;
}

/** Some images of a set, in the given order. */
export function pickImages(images: Split, rows: readonly number[]): Split {
  return selectImages(images, rows, images.count > 0 ? images.images.length / images.count : 0);
}

/** Two sets of images, one after the other. */
export function joinImages(first: Split, second: Split): Split {
  const images = new Uint8Array(first.images.length + second.images.length);
  images.set(first.images);
  images.set(second.images, first.images.length);
  return {
    images,
    labels: Int32Array.of(...first.labels, ...second.labels),
    count: first.count + second.count,
  };
}
