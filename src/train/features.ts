/**
 * Images through a model in batches, and how many of them at a time.
 *
 * @module
 */
import { batchesOf } from "../data/batches.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { type Preprocessing, toFloatImages } from "../data/preprocess.ts";
import type { Executable } from "../executors/executor.ts";
import type { Backbone } from "../nn/backbone.ts";
import { tokenCount, type ViTConfig } from "../nn/config.ts";

/** Beyond so many images, larger batches gain nothing. */
const MOST_IMAGES = 100;
/** Elements of the largest intermediate value: 64 MiB, half of what every WebGPU device can bind. */
const LARGEST_VALUE = 2 ** 24;

/** Images per run of a feature program: many for a small model, fewer where a large one would claim much memory. */
export function featureBatch(config: ViTConfig): number {
  const tokens = tokenCount(config);
  const { width, mlp, heads, channels, image } = config;
  const largest = Math.max(tokens * mlp, 3 * tokens * width, heads * tokens ** 2, channels * image ** 2);
  return Math.max(1, Math.min(MOST_IMAGES, Math.floor(LARGEST_VALUE / largest)));
}

/** How images reach a program with an input `images`, and what it gives for each. */
export interface ImageFeed {
  readonly preprocessing: Preprocessing;
  /** Images per run, as the program was traced. */
  readonly batch: number;
  /** Name of the output. */
  readonly output: string;
  /** Values of the output for one image. */
  readonly width: number;
}

/** Runs a program over the images at `indices` and gathers an output: [indices.length, width]. */
export async function runImages(
  executable: Executable,
  { preprocessing, batch: size, output, width }: ImageFeed,
  split: Split,
  indices: ArrayLike<number>,
): Promise<Float32Array> {
  const result = new Float32Array(indices.length * width);
  let done = 0;
  for (const batch of batchesOf(indices, size)) {
    const images = toFloatImages(split, batch.indices, preprocessing);
    const values = (await executable.run({ images }, [output]))[output]!;
    const count = Math.min(size, indices.length - done);
    result.set(values.subarray(0, count * width) as Float32Array, done * width);
    done += count;
  }
  return result;
}

/** The preprocessing that takes images of a data set to a backbone. */
export function preprocessingOf(
  { channels, height, width }: Pick<Dataset, "channels" | "height" | "width">,
  { config, pixels }: Backbone,
): Preprocessing {
  return { channels, height, width, size: config.image, ...pixels };
}
