/**
 * Batches of one fixed size, because a compiled program has one: what is missing in the last batch is filled with
 * a repeated image of weight 0, which a weighted loss does not see.
 *
 * @module
 */
import type { Rng } from "../core/rng.ts";

/** One batch. Both arrays are fresh and have the length of the batch size. */
export interface Batch {
  /** Positions of the images; padding repeats the last real one. */
  readonly indices: Int32Array;
  /** 1 for an image, 0 for padding. */
  readonly weights: Float32Array;
}

/**
 * Batches of a fresh random order of `0 … count - 1`: every position exactly once with weight 1.
 *
 * @throws {RangeError} If `count` or `batchSize` is not a positive integer
 */
export function epochBatches(count: number, batchSize: number, rng: Rng): Iterable<Batch> {
  checkPositive(count, "count");
  checkPositive(batchSize, "batch size");
  return batchesOf(rng.shuffle(Array.from({ length: count }, (_, i) => i)), batchSize);
}

/**
 * Batches of the given positions in the given order, such as a task's test images.
 *
 * @throws {RangeError} If `batchSize` is not a positive integer
 */
export function* batchesOf(positions: ArrayLike<number>, batchSize: number): Generator<Batch> {
  checkPositive(batchSize, "batch size");
  for (let start = 0; start < positions.length; start += batchSize) {
    const last = positions.length - 1;
    yield {
      indices: Int32Array.from({ length: batchSize }, (_, i) => positions[Math.min(start + i, last)]!),
      weights: Float32Array.from({ length: batchSize }, (_, i) => start + i <= last ? 1 : 0),
    };
  }
}

function checkPositive(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`Cannot make batches: found ${what} ${value}, wanted a positive integer`);
  }
}
