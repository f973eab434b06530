/**
 * The families of Vision Transformer files whose names are known. A new family is a new entry here.
 *
 * @module
 */
import { commonNames } from "./common_names.ts";
import type { NameMap, NameRule } from "./name_map.ts";
import { asConvolution, withRank } from "./transforms.ts";

const tokens: readonly NameRule[] = [
  { from: "cls_token", to: "cls_token", transform: withRank(3) },
  { from: "pos_embed", to: "pos_embed", transform: withRank(3) },
  { from: "(reg_token|register_tokens)", to: "reg_token", transform: withRank(3) },
];

const timmBlocks: readonly NameRule[] = [
  { from: "patch_embed.proj.{kind}", to: "patch_embed.proj.{kind}" },
  { from: "blocks.{block}.norm1.{kind}", to: "blocks.{block}.norm1.{kind}" },
  { from: "blocks.{block}.attn.qkv.{kind}", to: "blocks.{block}.attn.qkv.{kind}" },
  { from: "blocks.{block}.attn.proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
  { from: "blocks.{block}.norm2.{kind}", to: "blocks.{block}.norm2.{kind}" },
  { from: "blocks.{block}.mlp.fc1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  { from: "blocks.{block}.mlp.fc2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
  { from: "blocks.{block}.mlp.fc1_g.{kind}", to: "blocks.{block}.mlp.fc1.{kind}", half: 0 },
  { from: "blocks.{block}.mlp.fc1_x.{kind}", to: "blocks.{block}.mlp.fc1.{kind}", half: 1 },
  { from: "blocks.{block}.mlp.w12.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  { from: "blocks.{block}.mlp.w3.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
  { from: "norm_pre.{kind}", to: "norm_pre.{kind}" },
  { from: "fc_norm.{kind}", to: "fc_norm.{kind}" },
  { from: "norm.{kind}", to: "norm.{kind}" },
  { from: "head.{kind}", to: "head.{kind}" },
  { from: "blocks.{block}.(ls1.gamma|gamma_1)", scales: "blocks.{block}.attn.proj" },
  { from: "blocks.{block}.(ls2.gamma|gamma_2)", scales: "blocks.{block}.mlp.fc2" },
  // A token of the pre-training.
  { from: "mask_token" },
];

/** timm's VisionTransformer, with LayerScale or without, and DINO and DINOv2: our own names. */
const timm: NameMap = { id: "timm", rules: [...tokens, ...timmBlocks] };

/** DeiT with a distillation token and a classifier that learned from a teacher (facebookresearch/deit). */
const timmDistilled: NameMap = {
  id: "timm-distilled",
  requires: ["dist_token"],
  rules: [
    ...tokens,
    ...timmBlocks,
    { from: "dist_token", to: "dist_token", transform: withRank(3) },
    { from: "head_dist.{kind}", to: "head_dist.{kind}" },
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

const huggingFaceEnds: readonly NameRule[] = [
  { from: "embeddings.cls_token", to: "cls_token" },
  { from: "embeddings.distillation_token", to: "dist_token" },
  { from: "embeddings.register_tokens", to: "reg_token" },
  { from: "embeddings.position_embeddings", to: "pos_embed" },
  { from: "embeddings.patch_embeddings.projection.{kind}", to: "patch_embed.proj.{kind}" },
  { from: "layernorm.{kind}", to: "norm.{kind}" },
  { from: "(cls_)?classifier.{kind}", to: "head.{kind}" },
  { from: "distillation_classifier.{kind}", to: "head_dist.{kind}" },
  { from: "pooler.dense.{kind}" },
  { from: "embeddings.mask_token" },
  // What learned to restore the pixels of masked autoencoders.
  { from: "decoder[^ ]*" },
];

/** Modules that the blocks have under one name in all versions, for the path of a block. */
function huggingFaceBlocks(block: string): NameRule[] {
  return [
    { from: `${block}.(layernorm_before|norm1).{kind}`, to: "blocks.{block}.norm1.{kind}" },
    { from: `${block}.(layernorm_after|norm2).{kind}`, to: "blocks.{block}.norm2.{kind}" },
    { from: `${block}.mlp.(fc1|weights_in).{kind}`, to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: `${block}.mlp.gate_proj.{kind}`, to: "blocks.{block}.mlp.fc1.{kind}", half: 0 },
    { from: `${block}.mlp.up_proj.{kind}`, to: "blocks.{block}.mlp.fc1.{kind}", half: 1 },
    { from: `${block}.mlp.(fc2|weights_out|down_proj).{kind}`, to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: `${block}.layer_scale1.lambda1`, scales: "blocks.{block}.attn.proj" },
    { from: `${block}.layer_scale2.lambda1`, scales: "blocks.{block}.mlp.fc2" },
  ];
}

/** Rules of q, k and v under their own names. */
function thirdsOf(names: readonly [string, string, string], block: string): NameRule[] {
  return names.map((name, third) => ({
    from: `${block}.${name}.{kind}`,
    to: "blocks.{block}.attn.qkv.{kind}",
    third: third as 0 | 1 | 2,
  }));
}

const huggingFacePrefixes = ["vit.", "deit.", "dinov2.", "dinov2_with_registers."];

/** Hugging Face's ViT, DeiT, DINOv2 and masked autoencoder, saved as a bare model or with a classifier. */
const huggingFace: NameMap = {
  id: "hugging-face",
  prefixes: huggingFacePrefixes,
  rules: [
    ...huggingFaceEnds,
    ...huggingFaceBlocks("encoder.layer.{block}"),
    ...thirdsOf(
      ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
      "encoder.layer.{block}",
    ),
    { from: "encoder.layer.{block}.attention.output.dense.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
    { from: "encoder.layer.{block}.intermediate.dense.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "encoder.layer.{block}.output.dense.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
  ],
};

/** Module names of the same since version 5; its checkpoints keep the old ones, its exports do not. */
const huggingFace5: NameMap = {
  id: "hugging-face-5",
  prefixes: huggingFacePrefixes,
  rules: [
    ...huggingFaceEnds,
    ...huggingFaceBlocks("(encoder.layer|layers).{block}"),
    ...thirdsOf(
      ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
      "(encoder.layer|layers).{block}",
    ),
    { from: "(encoder.layer|layers).{block}.attention.o_proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
  ],
};

/** Image towers of Hugging Face's CLIP and SigLIP; the text towers beside them have no part in images' features. */
const huggingFaceClip: NameMap = {
  id: "hugging-face-clip",
  prefixes: ["vision_model.", "clip.", "siglip."],
  rules: [
    { from: "embeddings.class_embedding", to: "cls_token", transform: withRank(3) },
    { from: "embeddings.position_embedding.weight", to: "pos_embed", transform: withRank(3) },
    { from: "embeddings.patch_embedding.{kind}", to: "patch_embed.proj.{kind}" },
    { from: "pre_layrnorm.{kind}", to: "norm_pre.{kind}" },
    { from: "encoder.layers.{block}.layer_norm1.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "encoder.layers.{block}.layer_norm2.{kind}", to: "blocks.{block}.norm2.{kind}" },
    ...thirdsOf(["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "encoder.layers.{block}"),
    { from: "encoder.layers.{block}.self_attn.out_proj.{kind}", to: "blocks.{block}.attn.proj.{kind}" },
    { from: "encoder.layers.{block}.mlp.fc1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
    { from: "encoder.layers.{block}.mlp.fc2.{kind}", to: "blocks.{block}.mlp.fc2.{kind}" },
    { from: "post_layernorm.{kind}", to: "norm.{kind}" },
    { from: "classifier.{kind}", to: "head.{kind}" },
    { from: "text_model.[^ ]*" },
    { from: "(text|visual)_projection.{kind}" },
    { from: "logit_(scale|bias)" },
  ],
};

/** The parts of lucidrains/vit-pytorch's ViT that its versions share; no bias in q, k and v. */
function vitPytorch(id: string, attention: string, perceptron: string, layers: readonly NameRule[]): NameMap {
  return {
    id,
    rules: [
      { from: "cls_token", to: "cls_token", transform: withRank(3) },
      { from: "pos_embedding", to: "pos_embed", transform: withRank(3) },
      {
        from: "to_patch_embedding.1.{kind}",
        to: "patch_embed.proj.{kind}",
        transform: asConvolution("channels-last"),
      },
      { from: `${attention}.to_qkv.{kind}`, to: "blocks.{block}.attn.qkv.{kind}" },
      { from: `${attention}.to_out.0.{kind}`, to: "blocks.{block}.attn.proj.{kind}" },
      ...layers,
      { from: `${perceptron}.{kind}`, to: "blocks.{block}.mlp.fc2.{kind}" },
      { from: "transformer.norm.{kind}", to: "norm.{kind}" },
      { from: "mlp_head.0.{kind}", to: "norm.{kind}" },
      { from: "mlp_head(.1)?.{kind}", to: "head.{kind}" },
    ],
  };
}

/** Versions in which each sub-layer is wrapped by its norm. */
const vitPytorchWrapped: NameMap = vitPytorch(
  "vit-pytorch-wrapped",
  "transformer.layers.{block}.0(.fn){1,2}",
  "transformer.layers.{block}.1(.fn){1,2}.net.3",
  [
    { from: "transformer.layers.{block}.0(.fn)?.norm.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "transformer.layers.{block}.1(.fn)?.norm.{kind}", to: "blocks.{block}.norm2.{kind}" },
    { from: "transformer.layers.{block}.1(.fn){1,2}.net.0.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  ],
);

/** Later versions, whose sub-layers hold their norm. */
const vitPytorchPlain: NameMap = vitPytorch(
  "vit-pytorch",
  "transformer.layers.{block}.0",
  "transformer.layers.{block}.1.net.4",
  [
    { from: "transformer.layers.{block}.0.norm.{kind}", to: "blocks.{block}.norm1.{kind}" },
    { from: "transformer.layers.{block}.1.net.0.{kind}", to: "blocks.{block}.norm2.{kind}" },
    { from: "transformer.layers.{block}.1.net.1.{kind}", to: "blocks.{block}.mlp.fc1.{kind}" },
  ],
);

/** Those that PEFT is used with. */
export const familyMaps: readonly NameMap[] = [
  timm,
  timmDistilled,
  huggingFace,
  huggingFace5,
  huggingFaceClip,
];

/** All known families, and the words that many others use. */
export const nameMaps: readonly NameMap[] = [
  timm,
  timmDistilled,
  torchEncoder,
  torchAttention,
  torchvision,
  huggingFace,
  huggingFace5,
  huggingFaceClip,
  vitPytorchWrapped,
  vitPytorchPlain,
  commonNames,
];
