/**
 * The families of Vision Transformer files whose names are known. A new family is a new entry here.
 *
 * @module
 */
import { type NameMap, type NameRule, withoutToken, withRank } from "./name_map.ts";

const tokens: readonly NameRule[] = [
  { from: "cls_token", to: "cls_token", transform: withRank(3) },
  { from: "pos_embed", to: "pos_embed", transform: withRank(3) },
];

const timmBlocks: readonly NameRule[] = [
  { from: "patch_embed.proj.{kind}", to: "patch_embed.proj.{kind}" },
  { from: "blocks.{block}.norm1.{kind}", to: "blocks.{block}.norm1.{kind}" },
  { from: "blocks.{block}.attn.qkv.{kind}", to: "blocks.{block}.attn.qkv.{kind}" },
  { from: "blocks.{block}.attn.proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
  { from: "blocks.{block}.norm2.{kind}", to: "blocks.{block}.norm2.{kind}" },
  { from: "blocks.{block}.mlp.fc1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  { from: "blocks.{block}.mlp.fc2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
  { from: "norm.{kind}", to: "norm.{kind}" },
  { from: "head.{kind}", to: "head.{kind}" },
];

/** timm's VisionTransformer: our own names. */
const timm: NameMap = { id: "timm", rules: [...tokens, ...timmBlocks] };

/**
 * DeiT with a distillation token (facebookresearch/deit): the token, its position and its classifier are dropped, so
 * features are near those of the original, not equal.
 */
const timmDistilled: NameMap = {
  id: "timm-distilled",
  requires: ["dist_token"],
  rules: [
    { from: "pos_embed", to: "pos_embed", transform: withoutToken(1) },
    ...tokens,
    ...timmBlocks,
    { from: "dist_token" },
    { from: "head_dist.{kind}" },
  ],
};

/** Tokens beside a `torch.nn.TransformerEncoder`; final norm and classifier are one `Sequential`. */
const torchEncoder: NameMap = {
  id: "torch-encoder",
  rules: [
    ...tokens,
    { from: "patch_embed.proj.{kind}", to: "patch_embed.proj.{kind}" },
    { from: "transformer.layers.{block}.self_attn.in_proj_{kind}", to: "blocks.{block}.attn.qkv.{kind}" },
    { from: "transformer.layers.{block}.self_attn.out_proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
    { from: "transformer.layers.{block}.linear1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "transformer.layers.{block}.linear2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: "transformer.layers.{block}.norm1.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "transformer.layers.{block}.norm2.{kind}", to: "blocks.{block}.norm2.{kind}" },
    { from: "mlp_head.0.{kind}", to: "norm.{kind}" },
    { from: "mlp_head.1.{kind}", to: "head.{kind}" },
  ],
};

/** Hand-written blocks around `torch.nn.MultiheadAttention` (AshuAhlawat/Convolutional-Transformer). */
const torchAttention: NameMap = {
  id: "torch-attention",
  rules: [
    ...tokens,
    { from: "patch_embedding.embed.{kind}", to: "patch_embed.proj.{kind}" },
    { from: "transformer_layers.{block}.attention.in_proj_{kind}", to: "blocks.{block}.attn.qkv.{kind}" },
    { from: "transformer_layers.{block}.attention.out_proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
    { from: "transformer_layers.{block}.mlp.0.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "transformer_layers.{block}.mlp.2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: "transformer_layers.{block}.norm1.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "transformer_layers.{block}.norm2.{kind}", to: "blocks.{block}.norm2.{kind}" },
    { from: "out_head.0.{kind}", to: "norm.{kind}" },
    { from: "out_head.1.{kind}", to: "head.{kind}" },
  ],
};

/** torchvision's `vit_b_16` and its like; older files number the MLP's layers. */
const torchvision: NameMap = {
  id: "torchvision",
  prefixes: ["encoder.layers.encoder_layer_", "encoder."],
  rules: [
    { from: "class_token", to: "cls_token" },
    { from: "pos_embedding", to: "pos_embed" },
    { from: "conv_proj.{kind}", to: "patch_embed.proj.{kind}" },
    { from: "{block}.ln_1.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "{block}.self_attention.in_proj_{kind}", to: "blocks.{block}.attn.qkv.{kind}" },
    { from: "{block}.self_attention.out_proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
    { from: "{block}.ln_2.{kind}", to: "blocks.{block}.norm2.{kind}" },
    { from: "{block}.mlp.linear_1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "{block}.mlp.linear_2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: "{block}.mlp.0.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "{block}.mlp.3.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: "ln.{kind}", to: "norm.{kind}" },
    { from: "heads.head.{kind}", to: "head.{kind}" },
  ],
};

const huggingFaceBlocks: readonly NameRule[] = [
  { from: "embeddings.cls_token", to: "cls_token" },
  { from: "embeddings.position_embeddings", to: "pos_embed" },
  { from: "embeddings.patch_embeddings.projection.{kind}", to: "patch_embed.proj.{kind}" },
  { from: "encoder.layer.{block}.layernorm_before.{kind}", to: "blocks.{block}.norm1.{kind}" },
  {
    from: "encoder.layer.{block}.attention.attention.query.{kind}",
    to: "blocks.{block}.attn.qkv.{kind}",
    third: 0,
  },
  {
    from: "encoder.layer.{block}.attention.attention.key.{kind}",
    to: "blocks.{block}.attn.qkv.{kind}",
    third: 1,
  },
  {
    from: "encoder.layer.{block}.attention.attention.value.{kind}",
    to: "blocks.{block}.attn.qkv.{kind}",
    third: 2,
  },
  { from: "encoder.layer.{block}.attention.output.dense.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
  { from: "encoder.layer.{block}.layernorm_after.{kind}", to: "blocks.{block}.norm2.{kind}" },
  { from: "encoder.layer.{block}.intermediate.dense.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  { from: "encoder.layer.{block}.output.dense.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
  { from: "layernorm.{kind}", to: "norm.{kind}" },
  { from: "pooler.dense.{kind}" },
];

/** Hugging Face's ViT and undistilled DeiT, saved as a bare model or with a classifier. */
const huggingFace: NameMap = {
  id: "hugging-face",
  prefixes: ["vit.", "deit."],
  rules: [...huggingFaceBlocks, { from: "classifier.{kind}", to: "head.{kind}" }],
};

/** Hugging Face's distilled DeiT, treated in the same way. */
const huggingFaceDistilled: NameMap = {
  id: "hugging-face-distilled",
  prefixes: ["deit."],
  requires: ["embeddings.distillation_token"],
  rules: [
    { from: "embeddings.position_embeddings", to: "pos_embed", transform: withoutToken(1) },
    ...huggingFaceBlocks,
    { from: "classifier.{kind}", to: "head.{kind}" },
    { from: "cls_classifier.{kind}", to: "head.{kind}" },
    { from: "embeddings.distillation_token" },
    { from: "distillation_classifier.{kind}" },
  ],
};

/** All known families. */
export const nameMaps: readonly NameMap[] = [
  timm,
  timmDistilled,
  torchEncoder,
  torchAttention,
  torchvision,
  huggingFace,
  huggingFaceDistilled,
];
