/**
 * Facts about a backbone from the files of the Hugging Face hub: `config.json` of transformers or of timm, and
 * `preprocessor_config.json`. What their defaults would be is not guessed: a fact that a file does not state is
 * missing.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import type { Activation } from "../../nn/config.ts";
import type { BackboneFacts } from "./facts.ts";
import { checkJson, parseJson } from "../files/files.ts";

const count = z.number().int().positive();
/** Of a square, as one number or as height and width. */
const side = z.union([count, z.tuple([count, count])]);
const statistics = z.union([z.number(), z.array(z.number()).min(1)]);

/** Names of activations, of which several mean the same function. */
const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_accurate: "gelu-tanh",
  relu: "relu",
};

/** Model types whose blocks are those of the standard pre-norm ViT. */
const preNorm = ["vit", "deit", "vit_msn", "dinov2"];

const transformers = z.object({
  model_type: z.string(),
  hidden_size: count.optional(),
  num_hidden_layers: count.optional(),
  num_attention_heads: count.optional(),
  intermediate_size: count.optional(),
  // DINOv2 gives the perceptron's width as a multiple.
  mlp_ratio: z.number().positive().optional(),
  use_swiglu_ffn: z.boolean().optional(),
  hidden_act: z.string().optional(),
  layer_norm_eps: z.number().positive().optional(),
  image_size: side.optional(),
  patch_size: side.optional(),
  num_channels: count.optional(),
});

const timm = z.object({
  architecture: z.string(),
  global_pool: z.string().optional(),
  pretrained_cfg: z.object({ mean: statistics.optional(), std: statistics.optional() }).optional(),
  model_args: z.record(z.string(), z.unknown()).optional(),
});

/** Arguments of timm's models that change nothing that tensors do not tell, but the heads. */
const timmArguments = z.strictObject({
  img_size: z.unknown(),
  patch_size: z.unknown(),
  in_chans: z.unknown(),
  num_classes: z.unknown(),
  embed_dim: z.unknown(),
  depth: z.unknown(),
  num_heads: count,
  mlp_ratio: z.unknown(),
  qkv_bias: z.unknown(),
  init_values: z.unknown(),
  no_embed_class: z.unknown(),
  global_pool: z.literal("token"),
}).partial();

const preprocessor = z.object({
  do_normalize: z.boolean().optional(),
  do_rescale: z.boolean().optional(),
  rescale_factor: z.number().positive().optional(),
  image_mean: statistics.optional(),
  image_std: statistics.optional(),
});

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function listOf(values: z.infer<typeof statistics> | undefined): readonly number[] | undefined {
  return typeof values === "number" ? [values] : values;
}

function sideOf(key: string, size: z.infer<typeof side> | undefined, file: string): number | undefined {
  if (!Array.isArray(size)) return size;
  const [height, width] = size;
  if (height !== width) {
    throw new InputError(`Cannot read ${file}: found ${key} ${height}x${width}, wanted a square`);
  }
  return height;
}

function transformersFacts(json: unknown, file: string): BackboneFacts {
  const facts = checkJson(transformers, json, file);
  const { model_type: type, hidden_act: act, hidden_size: width, mlp_ratio: ratio } = facts;
  if (!preNorm.includes(type)) {
    throw new InputError(`Cannot read ${file}: found model_type ${type}, wanted ${preNorm.join(", ")}`);
  }
  const activation = act === undefined ? undefined : Object.hasOwn(activations, act) && activations[act];
  if (activation === false) {
    const known = Object.keys(activations).join(", ");
    throw new InputError(`Cannot read ${file}: found hidden_act ${act}, wanted one of ${known}`);
  }
  if (facts.use_swiglu_ffn) {
    throw new InputError(`Cannot read ${file}: found use_swiglu_ffn, wanted a perceptron of two layers`);
  }
  return {
    config: {
      width,
      depth: facts.num_hidden_layers,
      heads: facts.num_attention_heads,
      mlp: width && ratio ? Math.trunc(width * ratio) : facts.intermediate_size,
      image: sideOf("image_size", facts.image_size, file),
      patch: sideOf("patch_size", facts.patch_size, file),
      channels: facts.num_channels,
      epsilon: facts.layer_norm_eps,
      activation,
      norm: "pre",
    },
    pixels: {},
  };
}

/** Heads of timm's standard sizes (`vision_transformer.py`): 64 components each, 80 in the huge one. */
const timmHeads: Readonly<Record<string, number>> = { tiny: 3, small: 6, base: 12, large: 16, huge: 16 };

/** Names of timm's models that are built of its default parts: pre-norm, exact GELU, epsilon 1e-6. */
const TIMM_NAME =
  /^(?:vit|deit3?)_(tiny|small|base|large|huge)(?:_distilled)?_patch\d+(?:_distilled)?(?:_\d+)?(?:\.|_dino$|$)/;

function timmFacts(json: unknown, file: string): BackboneFacts {
  const facts = checkJson(timm, json, file);
  const { architecture, global_pool: pool = "token", pretrained_cfg: pixels = {}, model_args = {} } = facts;
  if (pool !== "token") {
    throw new InputError(
      `Cannot read ${file}: found global_pool ${pool}, wanted token: the class token's feature`,
    );
  }
  // Other arguments can change anything, so the name tells nothing then.
  const given = timmArguments.safeParse(model_args);
  const size = given.success ? TIMM_NAME.exec(architecture)?.[1] : undefined;
  const heads = given.data?.num_heads ?? timmHeads[size ?? ""];
  return {
    config: size ? { heads, norm: "pre", activation: "gelu", epsilon: 1e-6 } : {},
    pixels: { mean: listOf(pixels.mean), std: listOf(pixels.std) },
  };
}

/**
 * Facts from a parsed `config.json`; undefined if it is none.
 *
 * @param file Named in errors
 * @throws {InputError} If it describes another kind of model
 */
export function readHubConfig(json: unknown, file: string): BackboneFacts | undefined {
  if (!isObject(json)) return undefined;
  if ("model_type" in json) return transformersFacts(json, file);
  return typeof json["architecture"] === "string" ? timmFacts(json, file) : undefined;
}

/**
 * Pixel statistics from a `preprocessor_config.json`. There a pixel is byte · rescale_factor, then normalised; ours
 * are for byte / 255.
 *
 * @throws {InputError} If it is not one
 */
export function parsePreprocessor(text: string, file: string): BackboneFacts["pixels"] {
  const facts = checkJson(preprocessor, parseJson(text, file), file);
  const factor = 255 * (facts.do_rescale === false ? 1 : facts.rescale_factor ?? 1 / 255);
  const ours = (values: readonly number[] | undefined) =>
    Math.abs(factor - 1) < 1e-6 ? values : values?.map((value) => value / factor);
  if (facts.do_normalize === false) return { mean: [0], std: ours([1]) };
  return { mean: ours(listOf(facts.image_mean)), std: ours(listOf(facts.image_std)) };
}
