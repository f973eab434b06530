/**
 * A backbone, images and an executor that counts, all small enough for the reference executor.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import { createDataset, type Dataset, type Split } from "../data/dataset.ts";
import type { Preprocessing } from "../data/preprocess.ts";
import type { Executor } from "../executors/executor.ts";
import { type Adapter, createAdapter, type LoraSpec } from "../nn/adapter.ts";
import { type Backbone, createBackbone } from "../nn/backbone.ts";
import type { ViTConfig } from "../nn/config.ts";
import { randomWeights } from "../nn/testing.ts";
import type { OptimiserSettings } from "./optimisers/settings.ts";

/** The smallest transformer that has everything. */
export const tinyConfig: ViTConfig = {
  image: 8,
  patch: 4,
  channels: 3,
  width: 8,
  depth: 2,
  heads: 2,
  mlp: 16,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};

/** Adapters of two shapes. */
export const tinyLora: LoraSpec = { rank: 2, scale: 0.5, targets: ["q", "v", "fc1"] };

/** AdamW at one rate. */
export const constantAdam: OptimiserSettings = {
  kind: "adamw",
  learningRate: 1e-2,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  momentum: 0.9,
  schedule: "constant",
  warmup: 0,
};

/** A backbone of random weights. */
export function tinyBackbone(seed = 0): Backbone {
  const pixels = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  return createBackbone({ id: "tiny", config: tinyConfig, weights: randomWeights(tinyConfig, seed), pixels });
}

/** Images of 8x8 pixels, class-interleaved: a random picture for each class, and noise on each image. */
export function toyDataset(classes: number, perClass: number, seed = 0): Dataset {
  const size = 3 * 8 * 8;
  const means = Array.from({ length: classes }, (_, label) => {
    const rng = createRng(seed, `class ${label}`);
    return Array.from({ length: size }, () => 40 + rng.integer(176));
  });
  const split = (name: string): Split => {
    const rng = createRng(seed, name);
    const count = classes * perClass;
    const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
    const images = Uint8Array.from(
      { length: count * size },
      (_, i) => means[labels[Math.floor(i / size)]!]![i % size]! + rng.integer(80) - 40,
    );
    return { images, labels, count };
  };
  return createDataset({
    name: "toy",
    channels: 3,
    height: 8,
    width: 8,
    classNames: Array.from({ length: classes }, (_, label) => `class ${label}`),
    train: split("train"),
    test: split("test"),
  });
}

/** From toy images to what the tiny backbone eats. */
export const toyPreprocessing: Preprocessing = {
  channels: 3,
  height: 8,
  width: 8,
  size: 8,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
};

/** An adapter whose B is not zero. */
export function randomAdapter(seed: number, { importance = 1, rank = tinyLora.rank } = {}): Adapter {
  const rng = createRng(seed, "random adapter");
  const { pairs, scale } = createAdapter(tinyConfig, { ...tinyLora, rank }, rng);
  for (const { b } of Object.values(pairs)) {
    for (let i = 0; i < b.data.length; i++) b.data[i] = 0.5 * rng.normal();
  }
  return { scale, importance, pairs };
}

/** Work that went through an executor. */
export interface Counts {
  compilations: number;
  disposed: number;
}

/** The executor, with its compilations counted. */
export function countingExecutor(
  executor: Executor,
): { readonly executor: Executor; readonly counts: Counts } {
  const counts: Counts = { compilations: 0, disposed: 0 };
  return {
    counts,
    executor: {
      info: executor.info,
      tensor: (options) => executor.tensor(options),
      async compile(program, states) {
        counts.compilations++;
        const executable = await executor.compile(program, states);
        return {
          run: (inputs, read) => executable.run(inputs, read),
          dispose() {
            counts.disposed++;
            executable.dispose();
          },
        };
      },
      dispose: () => executor.dispose(),
    },
  };
}
