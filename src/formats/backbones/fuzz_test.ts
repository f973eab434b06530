/**
 * Loading of backbones under damage: weights, cards, and the files of the Hugging Face hub.
 *
 * @module
 */
import { createRng } from "../../core/rng.ts";
import { fuzz, mutate, mutateJson, mutateText } from "../../core/test_fuzz.ts";
import type { Backbone } from "../../nn/backbone.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { initBackbone, initHead } from "../../nn/init.ts";
import { writeSafetensors } from "../files/safetensors.ts";
import { formatCard, parseCard } from "./card.ts";
import { parsePreprocessor } from "./hugging_face.ts";
import { parseBackbone } from "./load_backbone.ts";

/** What a refusal says. */
const SENTENCE = /^Cannot (read|load|map|use) [^]+: [^]+/;

const config: ViTConfig = {
  image: 4,
  patch: 2,
  channels: 1,
  width: 4,
  depth: 1,
  heads: 2,
  mlp: 4,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};
const pixels = { mean: [0.5], std: [0.25] };
const head = initHead(2, config.width, createRng(1, "head"));
const tensors = {
  ...initBackbone(config, createRng(1, "fuzz")),
  "head.weight": head.weight,
  "head.bias": head.bias,
};
const WEIGHTS = writeSafetensors({ tensors });
const HEADER_LENGTH = Number(new DataView(WEIGHTS.buffer).getBigUint64(0, true));
const HEADER = JSON.parse(new TextDecoder().decode(WEIGHTS.subarray(8, 8 + HEADER_LENGTH)));

/** The file with another header. */
function withHeader(header: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = Uint8Array.of(...new Uint8Array(8), ...text, ...WEIGHTS.subarray(8 + HEADER_LENGTH));
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  return file;
}

function sizeOf({ weights }: Backbone): number {
  return Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0);
}

Deno.test("parseBackbone() loads or refuses 10,000 damaged weights and cards", async () => {
  const card = JSON.parse(formatCard({ config, pixels }));
  await fuzz("backbone", 4 * WEIGHTS.length, (rng) => {
    const way = rng.integer(4);
    const bytes = way === 0
      ? withHeader(mutateJson(HEADER, rng))
      : way === 1
      ? mutate(WEIGHTS, rng, WEIGHTS.length)
      : WEIGHTS;
    const facts = parseCard(JSON.stringify(way === 2 ? mutateJson(card, rng) : card), "x");
    const options = rng.integer(4) ? {} : { image: [6, 8, 3, 0][rng.integer(4)]! };
    return sizeOf(parseBackbone(bytes, "x", facts, { ...options, ignoreUnknown: rng.integer(2) === 0 }));
  }, SENTENCE);
});

/** Damages JSON or its text, and gives the bytes of what is read, as JSON. */
function fuzzText(name: string, files: readonly unknown[], parse: (text: string) => unknown): Promise<void> {
  const longest = Math.max(...files.map((file) => JSON.stringify(file).length));
  return fuzz(name, 2 * longest, (rng) => {
    const file = files[rng.integer(files.length)];
    const text = rng.integer(2)
      ? JSON.stringify(mutateJson(file, rng))
      : mutateText(JSON.stringify(file), rng);
    return JSON.stringify(parse(text)).length;
  }, SENTENCE);
}

Deno.test("parseCard() reads or refuses 10,000 damaged cards of every format", async () => {
  const naming = {
    names: { "a.{block}.{kind}": "blocks.{block}.norm1.{kind}", b: null },
    patchOrder: "channels-last",
  };
  const words = "PRE-norm (standard ViT), exact-erf GELU MLP, eps 1e-5";
  const cards = [
    { ...JSON.parse(formatCard({ config, pixels })), ...naming },
    { dim: 4, depth: 1, heads: 2, mlp: 4, patch: 2, image: 4, block: words, ...pixels, tensors: { a: [1] } },
    { norm: "post", activation: "relu", eps: 1e-5, finalNorm: false, ...naming },
  ];
  await fuzzText("card", cards, (text) => parseCard(text, "x"));
});

Deno.test("parseCard() reads or refuses 10,000 damaged files of the hub", async () => {
  const files = [
    {
      model_type: "vit",
      hidden_size: 4,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      intermediate_size: 4,
      hidden_act: "gelu",
      layer_norm_eps: 1e-12,
      image_size: [4, 4],
      patch_size: 2,
    },
    { model_type: "dinov2", hidden_size: 4, mlp_ratio: 4, use_swiglu_ffn: false },
    {
      architecture: "vit_tiny_patch16_224",
      global_pool: "token",
      pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: 0.5 },
      model_args: { img_size: 4, num_heads: 2 },
    },
  ];
  await fuzzText("hub", files, (text) => parseCard(text, "x"));
});

Deno.test("parsePreprocessor() reads or refuses 10,000 damaged files", async () => {
  const files = [
    { do_normalize: true, do_rescale: true, rescale_factor: 1 / 255, image_mean: [0.5], image_std: 0.5 },
    { do_normalize: false, image_mean: [0.5, 0.5], size: { height: 224 } },
  ];
  await fuzzText("preprocessor", files, (text) => parsePreprocessor(text, "x"));
});
