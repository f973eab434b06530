/**
 * Facts about a backbone from the files of the Hugging Face hub: `config.json` of transformers or of timm, and
 * `preprocessor_config.json`. What their defaults would be is not guessed: a fact that a file does not state is
 * missing.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import type { Activation, Pool } from "../../nn/config.ts";
import type { BackboneFacts } from "./facts.ts";
import { checkJson, parseJson } from "../files/files.ts";
import { timmFacts, timmWrapperFacts } from "./timm_config.ts";

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
  quick_gelu: "quick-gelu",
  relu: "relu",
};

/** Model types whose blocks are those of the standard pre-norm ViT. */
const preNorm = [
  ...["vit", "deit", "vit_msn", "vit_mae", "dinov2", "dinov2_with_registers"],
  ...["clip_vision_model", "clip", "siglip_vision_model", "siglip"],
];

/** A fact that may be left out, or be `null`. */
function maybe<T extends z.ZodType>(fact: T): z.ZodOptional<z.ZodNullable<T>> {
  return fact.nullish();
}

const transformers = z.object({
  model_type: z.string(),
  architectures: maybe(z.array(z.string())),
  hidden_size: maybe(count),
  num_hidden_layers: maybe(count),
  num_attention_heads: maybe(count),
  intermediate_size: maybe(count),
  // DINOv2 gives the perceptron's width as a multiple.
  mlp_ratio: maybe(z.number().positive()),
  use_swiglu_ffn: maybe(z.boolean()),
  hidden_act: maybe(z.string()),
  layer_norm_eps: maybe(z.number().positive()),
  image_size: maybe(side),
  patch_size: maybe(side),
  num_channels: maybe(count),
  // The image tower of a model of images and texts.
  vision_config: maybe(z.record(z.string(), z.unknown())),
});

const preprocessor = z.object({
  do_normalize: maybe(z.boolean()),
  do_rescale: maybe(z.boolean()),
  rescale_factor: maybe(z.number().positive()),
  image_mean: maybe(statistics),
  image_std: maybe(statistics),
  // Of transformers' wrapper around timm's models.
  data_config: maybe(z.object({ mean: maybe(statistics), std: maybe(statistics) })),
});

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function listOf(values: z.infer<typeof statistics> | null | undefined): readonly number[] | undefined {
  return typeof values === "number" ? [values] : values ?? undefined;
}

function sideOf(
  key: string,
  size: z.infer<typeof side> | null | undefined,
  file: string,
): number | undefined {
  if (!Array.isArray(size)) return size ?? undefined;
  const [height, width] = size;
  if (height !== width) {
    throw new InputError(`Cannot read ${file}: found ${key} ${height}x${width}, wanted a square`);
  }
  return height;
}

/** What a class of transformers makes of the tokens, where it is not the class token after the final norm. */
function pooling(architectures: readonly string[]): Pick<BackboneFacts, "unused"> & { readonly pool?: Pool } {
  const [name = ""] = architectures;
  if (/^CLIPForImageClassification$/.test(name)) return { pool: "mean", unused: ["norm"] };
  if (/^SiglipForImageClassification$/.test(name)) return { pool: "mean" };
  return /^Dinov2(WithRegisters)?ForImageClassification$/.test(name) ? { pool: "token-and-mean" } : {};
}

/** Width of DINOv2's gated perceptron (`Dinov2SwiGLUFFN`). */
function gatedWidth(hidden: number): number {
  return Math.floor((Math.trunc(hidden * 2 / 3) + 7) / 8) * 8;
}

function transformersFacts(json: unknown, file: string): BackboneFacts {
  const whole = checkJson(transformers, json, file);
  const facts = whole.vision_config
    ? checkJson(transformers, { model_type: whole.model_type, ...whole.vision_config }, file)
    : whole;
  const { model_type: type } = whole;
  const { hidden_act: act, hidden_size: width, mlp_ratio: ratio, use_swiglu_ffn: isGated } = facts;
  if (!preNorm.includes(type)) {
    throw new InputError(
      `Cannot read ${file}: found model_type ${type}, wanted ${preNorm.join(", ")}, timm_wrapper`,
    );
  }
  const known = act ?? undefined;
  const activation = known === undefined
    ? undefined
    : Object.hasOwn(activations, known) && activations[known];
  if (activation === false) {
    const names = Object.keys(activations).join(", ");
    throw new InputError(`Cannot read ${file}: found hidden_act ${act}, wanted one of ${names}`);
  }
  const { pool, unused } = pooling(whole.architectures ?? []);
  const inner = width && ratio ? Math.trunc(width * ratio) : facts.intermediate_size ?? undefined;
  return {
    config: {
      width: width ?? undefined,
      depth: facts.num_hidden_layers ?? undefined,
      heads: facts.num_attention_heads ?? undefined,
      mlp: isGated && inner ? gatedWidth(inner) : inner,
      image: sideOf("image_size", facts.image_size, file),
      patch: sideOf("patch_size", facts.patch_size, file),
      channels: facts.num_channels ?? undefined,
      epsilon: facts.layer_norm_eps ?? undefined,
      // Its gate is always SiLU.
      activation: isGated ? "silu" : activation,
      norm: "pre",
      ...(isGated && { gated: true }),
      ...(pool && { pool }),
      ...(unused?.includes("norm") && { finalNorm: false }),
    },
    pixels: {},
    unused,
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
  if (json["model_type"] === "timm_wrapper") return timmWrapperFacts(json, file);
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
  const own = facts.data_config;
  return {
    mean: ours(listOf(facts.image_mean)) ?? listOf(own?.mean),
    std: ours(listOf(facts.image_std)) ?? listOf(own?.std),
  };
}
