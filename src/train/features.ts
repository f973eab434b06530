/**
 * Features of images from a frozen backbone: what a probe, or a look at a foreign checkpoint, needs of a model.
 *
 * @module
 */
import { batchesOf } from "../data/batches.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { type Preprocessing, toFloatImages } from "../data/preprocess.ts";
import type { Executable, Executor } from "../executors/executor.ts";
import type { Backbone } from "../nn/backbone.ts";
import { tokenCount, type ViTConfig } from "../nn/config.ts";
import { traceFeatures } from "./lora_programs.ts";

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

/** How images reach a program of `traceFeatures`. */
export interface FeatureFeed {
  readonly preprocessing: Preprocessing;
  /** Images per run, as the program was traced. */
  readonly batch: number;
  /** Of a feature. */
  readonly width: number;
}

/** Runs a program of `traceFeatures` over the images at `indices`: [indices.length, width]. */
export async function runFeatures(
  executable: Executable,
  { preprocessing, batch: size, width }: FeatureFeed,
  split: Split,
  indices: ArrayLike<number>,
): Promise<Float32Array> {
  const result = new Float32Array(indices.length * width);
  let done = 0;
  for (const batch of batchesOf(indices, size)) {
    const images = toFloatImages(split, batch.indices, preprocessing);
    const { feature } = await executable.run({ images }, ["feature"]);
    const count = Math.min(size, indices.length - done);
    result.set(feature!.subarray(0, count * width) as Float32Array, done * width);
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

/** A backbone compiled for images of one shape. */
export interface FeatureExtractor {
  /** Features [indices.length, width] of the images at `indices`. */
  extract(split: Split, indices: ArrayLike<number>): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Compiles a backbone for the images of a data set.
 *
 * @param batch Images per run
 */
export async function createFeatureExtractor(
  executor: Executor,
  backbone: Backbone,
  images: Pick<Dataset, "channels" | "height" | "width">,
  batch: number = featureBatch(backbone.config),
): Promise<FeatureExtractor> {
  const { config, weights } = backbone;
  const states = Object.fromEntries(
    Object.entries(weights).map(([label, { shape, data }]) => [
      label,
      executor.tensor({ shape, values: data, frozen: true, label }),
    ]),
  );
  const release = () => {
    for (const tensor of Object.values(states)) tensor.dispose();
  };
  const executable = await executor.compile(traceFeatures(config, batch), states).catch((error) => {
    release();
    throw error;
  });
  const feed = { preprocessing: preprocessingOf(images, backbone), batch, width: config.width };
  return {
    extract: (split, indices) => runFeatures(executable, feed, split, indices),
    dispose() {
      executable.dispose();
      release();
    },
  };
}
