/**
 * Facts about a backbone from timm's `config.json`, in its present form, its old one (facts at the root), or inside the
 * wrapper that transformers puts around timm's models. Names of models stand for timm's own defaults; arguments that
 * could change anything else make a name tell nothing.
 *
 * @module
 */
import { z } from "zod";
import { InputError } from "../../core/errors.ts";
import type { Activation, Pool } from "../../nn/config.ts";
import { checkJson } from "../files/files.ts";
import type { BackboneFacts } from "./facts.ts";

const count = z.number().int().positive();
const statistics = z.union([z.number(), z.array(z.number()).min(1)]);
const side = z.union([count, z.array(count).min(1).max(2)]);

const pixels = {
  mean: statistics.nullish(),
  std: statistics.nullish(),
  input_size: z.array(count).length(3).nullish(),
};

const schema = z.object({
  architecture: z.string(),
  global_pool: z.string().nullish(),
  ...pixels,
  pretrained_cfg: z.object(pixels).nullish(),
  model_args: z.record(z.string(), z.unknown()).nullish(),
});

/** Activations by timm's names. */
const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_tanh: "gelu-tanh",
  quick_gelu: "quick-gelu",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

const nothing = z.union([z.null(), z.literal(false)]);

/** Arguments that are read, that tensors tell as well, or that do nothing outside of training. */
const knownArguments = z.strictObject({
  num_heads: count.nullable(),
  act_layer: z.union([z.null(), z.enum(Object.keys(activations) as [string, ...string[]])]),
  global_pool: z.string().nullable(),
  img_size: side.nullable(),
  patch_size: side.nullable(),
  in_chans: count.nullable(),
  ...Object.fromEntries(
    [
      ...["num_classes", "embed_dim", "depth", "mlp_ratio", "qkv_bias", "proj_bias", "init_values"],
      ...["no_embed_class", "class_token", "reg_tokens", "pre_norm", "final_norm", "fc_norm"],
      ...[
        "drop_rate",
        "pos_drop_rate",
        "patch_drop_rate",
        "proj_drop_rate",
        "attn_drop_rate",
        "drop_path_rate",
      ],
      ...["weight_init", "fix_init", "dynamic_img_size", "dynamic_img_pad", "strict_img_size"],
      ...["pretrained", "checkpoint_path", "scriptable", "exportable", "no_jit", "device", "dtype"],
    ].map((name) => [name, z.unknown()]),
  ),
  ...Object.fromEntries(
    [
      ...["qk_norm", "scale_attn_norm", "scale_mlp_norm", "pool_include_prefix", "embed_layer"],
      ...["embed_norm_layer", "norm_layer", "block_fn", "mlp_layer", "attn_layer"],
    ].map((name) => [name, nothing]),
  ),
  pos_embed: z.union([z.null(), z.literal("learn")]),
}).partial();

type Arguments = z.infer<typeof knownArguments>;

/** Heads of timm's standard sizes (`vision_transformer.py`): 64 components each, 80 in the huge one. */
const headCounts: Readonly<Record<string, number>> = {
  tiny: 3,
  small: 6,
  medium: 8,
  base: 12,
  large: 16,
  huge: 16,
};

/** Names of models of default parts: pre-norm, exact GELU, epsilon 1e-6. */
const PLAIN =
  /^(?:vit|deit3?)_(tiny|small|medium|base|large|huge)(?:_distilled)?_patch\d+(?:_reg\d+)?(_gap)?(?:_distilled)?(?:_\d+)?(?:\.|_dino$|$)/;
const DINO2 = /^vit_(small|base|large|giant)_patch\d+(?:_reg\d+)?_dinov2(?:\.|$)/;
const CLIP = /^vit_(medium|base|large|huge)_patch\d+_clip(_quickgelu)?_\d+(?:\.|$)/;

/** What a name stands for. */
function factsOfName(architecture: string): BackboneFacts["config"] {
  const [plain, size, gap] = PLAIN.exec(architecture) ?? [];
  const usual = { norm: "pre", activation: "gelu", epsilon: 1e-6 } as const;
  if (plain !== undefined) {
    // The one model of these names that has other heads than its size (timm 1.0.29).
    const heads = /^vit_base_patch16_gap_224(\.|$)/.test(architecture) ? 16 : headCounts[size!];
    return { ...usual, heads, ...(gap && { pool: "mean" as const }) };
  }
  const [, dino] = DINO2.exec(architecture) ?? [];
  if (dino === "giant") return { ...usual, heads: 24, activation: "silu" };
  if (dino !== undefined) return { ...usual, heads: headCounts[dino] };
  const [clip, clipSize, quick] = CLIP.exec(architecture) ?? [];
  if (clip === undefined) return {};
  return {
    norm: "pre",
    activation: quick ? "quick-gelu" : "gelu",
    epsilon: 1e-5,
    heads: headCounts[clipSize!],
  };
}

/** What pools mean: `avg` leaves out the tokens that are no patches. */
const pools: Readonly<Record<string, Pool>> = { token: "token", avg: "mean" };

function poolOf(name: string, file: string): Pool {
  const pool = Object.hasOwn(pools, name) ? pools[name] : undefined;
  if (pool) return pool;
  const what = name === "map" ? "attention pooling" : JSON.stringify(name);
  throw new InputError(
    `Cannot read ${file}: found global_pool ${name} (${what}), wanted ${Object.keys(pools).join(" or ")}`,
  );
}

function squareOf(key: string, size: number | readonly number[] | null | undefined, file: string) {
  if (size === null || size === undefined) return undefined;
  const [height, width = height] = Array.isArray(size) ? size as readonly number[] : [size as number];
  if (height !== width) {
    throw new InputError(`Cannot read ${file}: found ${key} ${height}x${width}, wanted a square`);
  }
  return height;
}

function listOf(values: z.infer<typeof statistics> | null | undefined): readonly number[] | undefined {
  return typeof values === "number" ? [values] : values ?? undefined;
}

/** Sizes that the file states. */
function sizesOf(args: Arguments, input: readonly number[] | null | undefined, file: string) {
  const [channels, ...sides] = input ?? [];
  const asked = squareOf("img_size", args.img_size, file);
  const patch = squareOf("patch_size", args.patch_size, file);
  // Positions of a model for images of any size are for a size of their own.
  const isAny = (args as Readonly<Record<string, unknown>>)["dynamic_img_size"] === true;
  const image = asked ?? (isAny ? undefined : squareOf("input_size", sides.length > 0 ? sides : null, file));
  return { image, patch, channels: args.in_chans ?? channels };
}

/** Sizes among arguments that are not all understood. */
function looseSizes(given: Readonly<Record<string, unknown>>): Arguments {
  const parsed = z.object({ img_size: side, patch_size: side, in_chans: count, global_pool: z.string() })
    .partial()
    .safeParse(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)));
  return parsed.data ?? {};
}

/**
 * Facts from a parsed file.
 *
 * @param file Named in errors
 * @throws {InputError} If it does not match, or describes what is not read
 */
export function timmFacts(json: unknown, file: string): BackboneFacts {
  const facts = checkJson(schema, json, file);
  const given = facts.model_args ?? {};
  const parsed = knownArguments.safeParse(given);
  const args = parsed.data ?? looseSizes(given);
  const pool = args.global_pool ?? facts.global_pool;
  const { heads, pool: usualPool, ...named } = parsed.success ? factsOfName(facts.architecture) : {};
  const isKnown = heads !== undefined;
  const activation = args.act_layer ? activations[args.act_layer] : named.activation;
  const input = facts.pretrained_cfg?.input_size ?? facts.input_size;
  const stated = pool ? poolOf(pool, file) : usualPool;
  const sizes = sizesOf(args, input, file);
  const ofParts = isKnown ? { ...named, activation, heads: args.num_heads ?? heads } : {};
  return {
    config: withoutUndefined({ ...ofParts, ...sizes, pool: stated }),
    pixels: {
      mean: listOf(facts.pretrained_cfg?.mean ?? facts.mean),
      std: listOf(facts.pretrained_cfg?.std ?? facts.std),
    },
  };
}

function withoutUndefined(config: BackboneFacts["config"]): BackboneFacts["config"] {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/**
 * Facts from the `config.json` of transformers' wrapper around a timm model.
 *
 * @throws {InputError} As `timmFacts`
 */
export function timmWrapperFacts(json: Readonly<Record<string, unknown>>, file: string): BackboneFacts {
  const { config, pixels: found } = timmFacts(json, file);
  const { image, patch, ...others } = config;
  // Its arguments are those that the model was made with, and go with the patches that the name says.
  const named = Number(/_patch(\d+)/.exec(String(json["architecture"]))?.[1]);
  const grid = image && named && patch === undefined ? image / named : undefined;
  return {
    config: { ...others, ...(grid === undefined && { image, patch }) },
    pixels: found,
    ...(grid !== undefined && { grid }),
  };
}
