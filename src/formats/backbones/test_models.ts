/**
 * A tiny backbone with a trained adapter and a classifier, and their scores computed the long way: the adapter as a
 * branch of the graph, the classifier by hand.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { createRng } from "../../core/rng.ts";
import { type Adapter, adapterToTensors, createAdapter, type LoraSpec } from "../../nn/adapter.ts";
import { type Backbone, createBackbone } from "../../nn/backbone.ts";
import { featureWidth, type ViTConfig } from "../../nn/config.ts";
import { unitRows } from "../../nn/heads.ts";
import { branchFromTensors } from "../../nn/lora.ts";
import { evaluate, noise, randomWeights } from "../../nn/testing.ts";
import { stateLookup, vitFeature } from "../../nn/vit.ts";
import type { KeptAdapter, KeptClassifier } from "../adapters/adapter_file.ts";
import type { ClassifierKind } from "../../nn/classifier.ts";

/** Architecture of the tiny backbone. */
export const tinyViT: ViTConfig = {
  image: 8,
  patch: 4,
  channels: 3,
  width: 8,
  depth: 2,
  heads: 2,
  mlp: 12,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-5,
};

/** A backbone of random weights. */
export function randomBackbone(config: ViTConfig = tinyViT): Backbone {
  const pixels = { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] };
  return createBackbone({ id: "tiny", config, weights: randomWeights(config), pixels });
}

/** An adapter of random factors. */
export function randomAdapter(spec: Partial<LoraSpec> = {}, config: ViTConfig = tinyViT): Adapter {
  const made = createAdapter(
    config,
    { rank: 3, scale: 1 / 3, targets: ["q", "v"], ...spec },
    createRng(1, "a"),
  );
  const pairs = Object.entries(made.pairs).map(([site, { a, b }]) =>
    [site, { a, b: noise(b.shape, createRng(1, site)) }] as const
  );
  return { ...made, importance: 0.7, pairs: Object.fromEntries(pairs) };
}

/** A classifier of random rows over three classes. */
export function randomClassifier(kind: ClassifierKind = "linear"): KeptClassifier {
  const [weight, bias] = [noise([3, tinyViT.width], createRng(2, "rows")), noise([3], createRng(2, "bias"))];
  return { kind, classNames: ["oak", "ash", "elm"], weight, bias };
}

/** Normalised images. */
export function randomImages(batch: number, { channels, image }: ViTConfig = tinyViT): Float32Array {
  return noise([batch, channels, image, image], createRng(3, "images")).data;
}

/** What a classifier scores for images, by its definition: features of the adapted model, then its kind. */
export async function scoresOf(
  { config, weights }: Backbone,
  { adapter, classifier }: Pick<KeptAdapter, "adapter" | "classifier">,
  images: Float32Array,
): Promise<number[]> {
  const { channels, image } = config;
  const width = featureWidth(config);
  const batch = images.length / (channels * image * image);
  const factors = adapter ? adapterToTensors(adapter) : {};
  const { feature } = await evaluate(
    (graph) => {
      const states = Object.entries(factors).map(([name, { shape }]) => [name, graph.state(name, shape)]);
      const branches = adapter ? [branchFromTensors(Object.fromEntries(states), adapter.scale)] : [];
      const input = graph.input("images", [batch, channels, image, image]);
      return { feature: vitFeature(config, stateLookup(graph, config), input, branches) };
    },
    { ...weights, ...factors },
    { images },
  );
  const { kind, weight, bias } = classifier!;
  const rows = kind === "linear" ? weight.data : unitRows(weight.data, width);
  return Array.from({ length: batch }, (_, i) =>
    Array.from(bias.data, (offset, c) => {
      let score = kind === "linear" ? offset : 0;
      for (let j = 0; j < width; j++) score += feature![i * width + j]! * rows[c * width + j]!;
      return score;
    })).flat();
}
