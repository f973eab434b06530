/**
 * Images through a model in batches, and features from a frozen backbone: what a probe, or a look at a foreign
 * checkpoint, needs of a model.
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
  const preprocessing = preprocessingOf(images, backbone);
  const feed = { preprocessing, batch, output: "feature", width: config.width };
  return {
    extract: (split, indices) => runImages(executable, feed, split, indices),
    dispose() {
      executable.dispose();
      release();
    },
  };
}
