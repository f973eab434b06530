/**
 * What a Vision Transformer is, apart from its numbers: sizes and the choices that tensors alone do not tell.
 * Tensors carry timm's names (`blocks.0.attn.qkv.weight`, …) and PyTorch's layout ([out, in]).
 *
 * @module
 */
import type { TensorSpec } from "../core/tensors.ts";

/** Activations of the MLP: exact GELU, its tanh approximation, ReLU, x·σ(1.702x) as in CLIP, and x·σ(x). */
export const activations = ["gelu", "gelu-tanh", "relu", "quick-gelu", "silu"] as const;
/** One of `activations`. */
export type Activation = typeof activations[number];

/** Where layer norms stand: before each sub-layer (timm), or after the residual sum (the original Transformer). */
export const normOrders = ["pre", "post"] as const;
/** One of `normOrders`. */
export type NormOrder = typeof normOrders[number];

/**
 * What the feature of an image is: the class token after the final norm; the mean of the patches after it; the final
 * norm of their mean (MAE, timm's `fc_norm`); class token and mean of the patches side by side (DINOv2's classifier);
 * class token and first register side by side (distilled DeiT); or the class token beside the mean of the patches after
 * the final norm and as each of the last blocks reads it, `LAYERS_READ` means at most (the layers of LayUP, Ahrens et
 * al., arXiv 2312.08888, which reads their class tokens).
 */
export const pools = [
  "token",
  "mean",
  "norm-of-mean",
  "token-and-mean",
  "token-and-register",
  "token-and-layers",
] as const;
/** One of `pools`. */
export type Pool = typeof pools[number];

/** Architecture of a Vision Transformer. */
export interface ViTConfig {
  /** Side of the square input image in pixels. */
  readonly image: number;
  /** Side of a patch in pixels; divides `image`. */
  readonly patch: number;
  /** Of the input image: 1 for gray, 3 for RGB. */
  readonly channels: number;
  /** Numbers of a token. */
  readonly width: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Attention heads of a block; divides `width`. */
  readonly heads: number;
  /** Hidden width of the MLP. */
  readonly mlp: number;
  /** Where layer norms stand. */
  readonly norm: NormOrder;
  /** Of the MLP. */
  readonly activation: Activation;
  /** Of every layer norm. */
  readonly epsilon: number;
  /** Present if there is no norm after the last block, as in some post-norm models. */
  readonly finalNorm?: false;
  /** What the feature is; the class token if absent. */
  readonly pool?: Exclude<Pool, "token">;
  /** Present if there is no class token, as in SigLIP. */
  readonly classToken?: false;
  /** Tokens after the class token that have no place in the image: registers, or DeiT's distillation token. */
  readonly registers?: number;
  /** Present if there is a norm before the first block, as in CLIP. */
  readonly embedNorm?: true;
  /** Present if the MLP multiplies the activation of one half of `fc1` by the other (SwiGLU); `mlp` is one half. */
  readonly gated?: true;
}

/** ViT-B/16 at 224 pixels (Dosovitskiy et al., arXiv 2010.11929, table 1), with timm's epsilon. */
export const vitB16: ViTConfig = {
  image: 224,
  patch: 16,
  channels: 3,
  width: 768,
  depth: 12,
  heads: 12,
  mlp: 3072,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};

/** What the number of tokens follows from. */
export type TokenConfig = Pick<ViTConfig, "image" | "patch" | "classToken" | "registers">;

/** Tokens that are no patches: the class token and the registers, in front. */
export function prefixCount({ classToken, registers = 0 }: TokenConfig): number {
  return (classToken === false ? 0 : 1) + registers;
}

/** Patches per image. */
export function patchCount({ image, patch }: TokenConfig): number {
  return (image / patch) ** 2;
}

/** Tokens per image: the patches, the class token if there is one, and the registers. */
export function tokenCount(config: TokenConfig): number {
  return patchCount(config) + prefixCount(config);
}

/** Means of patches that `token-and-layers` puts side by side, at most. */
export const LAYERS_READ = 4;

/** The blocks whose input a layered feature reads; the output of the last one is read besides. */
export function layersRead({ depth }: Pick<ViTConfig, "depth">): number[] {
  const count = Math.min(LAYERS_READ, depth) - 1;
  return Array.from({ length: count }, (_, i) => depth - count + i);
}

/** Numbers of a layered feature. */
export function layeredWidth(config: Pick<ViTConfig, "width" | "depth">): number {
  return (layersRead(config).length + 2) * config.width;
}

/** Numbers of an image's feature. */
export function featureWidth(config: Pick<ViTConfig, "width" | "depth" | "pool">): number {
  switch (config.pool) {
    case "token-and-mean":
    case "token-and-register":
      return 2 * config.width;
    case "token-and-layers":
      return layeredWidth(config);
    default:
      return config.width;
  }
}

/** Names and shapes of the backbone's tensors, in timm's order; the classifier is not among them. */
export function backboneTensors(config: ViTConfig): TensorSpec[] {
  const { width, mlp, patch, channels, registers = 0 } = config;
  const affine = (name: string, size: number): TensorSpec[] => [
    { name: `${name}.weight`, shape: [size] },
    { name: `${name}.bias`, shape: [size] },
  ];
  const dense = (name: string, outputs: number, inputs: number): TensorSpec[] => [
    { name: `${name}.weight`, shape: [outputs, inputs] },
    { name: `${name}.bias`, shape: [outputs] },
  ];
  const block = (i: number): TensorSpec[] => [
    ...affine(`blocks.${i}.norm1`, width),
    ...dense(`blocks.${i}.attn.qkv`, 3 * width, width),
    ...dense(`blocks.${i}.attn.proj`, width, width),
    ...affine(`blocks.${i}.norm2`, width),
    ...dense(`blocks.${i}.mlp.fc1`, config.gated ? 2 * mlp : mlp, width),
    ...dense(`blocks.${i}.mlp.fc2`, width, mlp),
  ];
  return [
    ...(config.classToken === false ? [] : [{ name: "cls_token", shape: [1, 1, width] }]),
    ...(registers === 0 ? [] : [{ name: "reg_token", shape: [1, registers, width] }]),
    { name: "pos_embed", shape: [1, tokenCount(config) - registers, width] },
    { name: "patch_embed.proj.weight", shape: [width, channels, patch, patch] },
    { name: "patch_embed.proj.bias", shape: [width] },
    ...(config.embedNorm ? affine("norm_pre", width) : []),
    ...Array.from({ length: config.depth }, (_, i) => block(i)).flat(),
    ...(config.finalNorm === false ? [] : affine("norm", width)),
  ];
}
