/**
 * What a Vision Transformer is, apart from its numbers: sizes and the choices that tensors alone do not tell.
 * Tensors carry timm's names (`blocks.0.attn.qkv.weight`, …) and PyTorch's layout ([out, in]).
 *
 * @module
 */
import type { TensorSpec } from "../core/tensors.ts";

/** Activations of the MLP: exact GELU, its tanh approximation, and ReLU. */
export const activations = ["gelu", "gelu-tanh", "relu"] as const;
export type Activation = typeof activations[number];

/** Where layer norms stand: before each sub-layer (timm), or after the residual sum (the original Transformer). */
export const normOrders = ["pre", "post"] as const;
export type NormOrder = typeof normOrders[number];

/** Architecture of a Vision Transformer whose feature is that of the class token. */
export interface ViTConfig {
  /** Side of the square input image in pixels. */
  readonly image: number;
  /** Side of a patch in pixels; divides `image`. */
  readonly patch: number;
  readonly channels: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Hidden width of the MLP. */
  readonly mlp: number;
  readonly norm: NormOrder;
  readonly activation: Activation;
  /** Of every layer norm. */
  readonly epsilon: number;
  /** Present if there is no norm after the last block, as in some post-norm models. */
  readonly finalNorm?: false;
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

/** Tokens per image: the patches and the class token. */
export function tokenCount({ image, patch }: ViTConfig): number {
  return (image / patch) ** 2 + 1;
}

/** Names and shapes of the backbone's tensors, in timm's order; the classifier is not among them. */
export function backboneTensors(config: ViTConfig): TensorSpec[] {
  const { width, mlp, patch, channels } = config;
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
    ...dense(`blocks.${i}.mlp.fc1`, mlp, width),
    ...dense(`blocks.${i}.mlp.fc2`, width, mlp),
  ];
  return [
    { name: "cls_token", shape: [1, 1, width] },
    { name: "pos_embed", shape: [1, tokenCount(config), width] },
    { name: "patch_embed.proj.weight", shape: [width, channels, patch, patch] },
    { name: "patch_embed.proj.bias", shape: [width] },
    ...Array.from({ length: config.depth }, (_, i) => block(i)).flat(),
    ...(config.finalNorm === false ? [] : affine("norm", width)),
  ];
}
