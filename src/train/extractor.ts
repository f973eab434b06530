/**
 * Features of a frozen backbone: what a probe, or a look at a foreign checkpoint, needs of a model.
 *
 * @module
 */
import type { Dataset, Split } from "../data/dataset.ts";
import type { Executor } from "../executors/executor.ts";
import type { Backbone } from "../nn/backbone.ts";
import { Engine } from "./engine.ts";
import type { Pass } from "./parts.ts";
import { imageTable } from "./table.ts";

/** The feature of the bare backbone. */
export const featurePass: Pass = { output: (env) => env.encode(env.rows().images).feature };

/** A backbone compiled for images of one shape. */
export interface FeatureExtractor {
  /** Features [indices.length, width] of the images at `indices`. */
  extract(split: Split, indices: ArrayLike<number>): Promise<Float32Array>;
  /** Frees the compiled programs and the weights on the device. */
  dispose(): Promise<void>;
}

/** An extractor for the images of a data set. Programs are compiled when they are needed. */
export function createFeatureExtractor(
  executor: Executor,
  backbone: Backbone,
  images: Pick<Dataset, "channels" | "height" | "width">,
): FeatureExtractor {
  const engine = new Engine(executor, backbone, images);
  return {
    extract: async (split, indices) => (await engine.map(featurePass, imageTable(split, indices))).data,
    dispose: () => engine.dispose(),
  };
}
