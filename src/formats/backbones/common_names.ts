/**
 * The words with which hand-written Vision Transformers name their parts. Most of them follow one pattern, a list of
 * blocks with an attention and a perceptron in each, and differ only in words; any combination is understood. What
 * is fused lies in the order q, k, v, as in `torch.nn.MultiheadAttention`.
 *
 * @module
 */
import type { NameMap, NameRule } from "./name_map.ts";
import { withRank } from "./transforms.ts";

function oneOf(...words: readonly string[]): string {
  return `(?:${words.join("|")})`;
}

/** Any dotted path before a name that says enough by itself. */
const anywhere = "(?:[A-Za-z]\\w*.)*?";

const stacks = oneOf(
  "transformer_encoder",
  "transformer_blocks?",
  "transformer_layers?",
  "transformer",
  "encoder_blocks?",
  "encoder_layers?",
  "encoders?",
  "blocks?",
  "layers?",
  "resblocks",
);
const block = `(?:[A-Za-z]\\w*.)*?(?:${stacks}.)+(?:encoder_layer_|layer_|block_)?{block}`;

const attention = oneOf(
  "attn",
  "attention",
  "self_attn",
  "self_attention",
  "mha",
  "msa",
  "mhsa",
  "mhsa_block",
  "msa_block",
  "multihead",
  "multihead_attn",
  "multihead_attention",
  "multi_head_attn",
  "multi_head_attention",
  "multi_head_self_attention",
);
const perceptron = oneOf("mlp", "mlp_block", "ffn", "ff", "pwff", "feed_forward", "feedforward", "fc", "net");

/** Words of a norm, `n` being first or second. */
const norm = (n: 1 | 2, ...words: readonly string[]) =>
  oneOf(`(?:norm|ln|layernorm|layer_norm|layerNorm|LN)_?${n}`, ...words);

const thirds = [["q", "query", "queries"], ["k", "key", "keys"], ["v", "value", "values"]] as const;

/** `query`, `q_proj`, `to_q`, `w_q`, … */
function projectionWords(words: readonly [string, string, string]): string {
  return words.map((word) =>
    `(?:to_|w_?|W_?|proj_|linear_|fc_)?${word}(?:_proj|_linear|_projection|_fc|_layer)?`
  )
    .join("|");
}

/** Factors of what a sub-layer adds, `n` being first or second. */
const layerScale = (n: 1 | 2) =>
  `${block}.(?:ls_?|layer_?scale_?|gamma_?|lambda_?)${n}(?:.${
    oneOf("gamma", "lambda1", "weight", "scale")
  })?`;

const blocks: readonly NameRule[] = [
  { from: layerScale(1), scales: "blocks.{block}.attn.proj" },
  { from: layerScale(2), scales: "blocks.{block}.mlp.fc2" },
  {
    from: `${block}.${
      norm(1, "layernorm_before", "attention_norm", "attn_norm", "norm_attn", "norm_attention", "pre_norm")
    }.{kind}`,
    to: "blocks.{block}.norm1.{kind}",
  },
  {
    from: `${block}.${attention}.${oneOf("norm", "layer_norm", "ln")}.{kind}`,
    to: "blocks.{block}.norm1.{kind}",
  },
  {
    from: `${block}.${norm(2, "layernorm_after", "ffn_norm", "mlp_norm", "norm_ffn", "norm_mlp")}.{kind}`,
    to: "blocks.{block}.norm2.{kind}",
  },
  {
    from: `${block}.${perceptron}.${oneOf("norm", "layer_norm", "ln")}.{kind}`,
    to: "blocks.{block}.norm2.{kind}",
  },
  {
    from: `${block}.(?:${attention}.)+${
      oneOf("qkv", "to_qkv", "qkv_proj", "proj_qkv", "qkv_projection", "qkv_layer", "w_qkv", "in_proj")
    }[._]{kind}`,
    to: "blocks.{block}.attn.qkv.{kind}",
  },
  ...thirds.map((words, third): NameRule => ({
    from: `${block}.(?:${attention}.)+(?:${
      projectionWords(words as readonly [string, string, string])
    }).{kind}`,
    to: "blocks.{block}.attn.qkv.{kind}",
    third: third as 0 | 1 | 2,
  })),
  {
    from: `${block}.(?:${attention}.)+${
      oneOf(
        "proj",
        "projection",
        "out",
        "out_proj",
        "o_proj",
        "proj_out",
        "to_out",
        "output",
        "output.dense",
        "output_projection",
        "out_linear",
        "linear_out",
        "fc_out",
        "fc_o",
        "w_?o",
        "W_?o",
        "fc",
        "linear",
        "dense",
      )
    }(?:.0)?.{kind}`,
    to: "blocks.{block}.attn.proj.{kind}",
  },
  // Attentions that leave their output projection to the block.
  { from: `${block}.proj.{kind}`, to: "blocks.{block}.attn.proj.{kind}" },
  {
    from: `${block}.(?:${perceptron}.)*${
      oneOf("fc_?1", "linear_?1", "lin_?1", "dense_?1", "c_fc", "w_?1", "intermediate.dense", "layer_?1")
    }.{kind}`,
    to: "blocks.{block}.mlp.fc1.{kind}",
  },
  {
    from: `${block}.(?:${perceptron}.)*${
      oneOf("fc_?2", "linear_?2", "lin_?2", "dense_?2", "c_proj", "w_?2", "output.dense", "layer_?2")
    }.{kind}`,
    to: "blocks.{block}.mlp.fc2.{kind}",
  },
  // A sequence of linear, activation, perhaps dropout, linear.
  { from: `${block}.(?:${perceptron}.)+(?:layers.)?0.{kind}`, to: "blocks.{block}.mlp.fc1.{kind}" },
  { from: `${block}.(?:${perceptron}.)+(?:layers.)?[23].{kind}`, to: "blocks.{block}.mlp.fc2.{kind}" },
];

const tokens: readonly NameRule[] = [
  {
    from: `${anywhere}${oneOf("reg_tokens?", "registers?", "register_tokens?")}`,
    to: "reg_token",
    transform: withRank(3),
  },
  {
    from: `${anywhere}${oneOf("dist_token", "distillation_token")}`,
    to: "dist_token",
    transform: withRank(3),
  },
  {
    from: `${anywhere}${oneOf("norm_pre", "ln_pre", "pre_layrnorm", "pre_layernorm")}.{kind}`,
    to: "norm_pre.{kind}",
  },
  {
    from: `${anywhere}${
      oneOf(
        "cls_tokens?",
        "class_token",
        "cls",
        "cls_embed",
        "cls_embedding",
        "class_embedding",
        "cls_emb",
        "class_emb",
      )
    }`,
    to: "cls_token",
    transform: withRank(3),
  },
  {
    from: `${anywhere}${
      oneOf(
        "pos_embeds?",
        "pos_embeddings?",
        "pos_emb",
        "pos_enc",
        "pos_encoding",
        "position_embeds?",
        "position_embeddings?",
        "position_emb",
        "positional_embeddings?",
        "positional_encoding",
        "positions",
      )
    }(?:.${oneOf("weight", "pos_embedding", "pos_embed", "pe")})?`,
    to: "pos_embed",
    transform: withRank(3),
  },
  {
    from: `${anywhere}${
      oneOf(
        "patch_embed",
        "patch_embeds",
        "patch_embedding",
        "patch_embeddings",
        "patch_emb",
        "to_patch_embedding",
        "patcher",
        "patch_proj",
        "patch_projection",
        "patchify",
        "conv_proj",
        "patch_conv",
      )
    }(?:.${
      oneOf(
        "proj",
        "projection",
        "project",
        "conv",
        "conv1",
        "embed",
        "embedding",
        "patcher",
        "linear",
        "patch_embeddings",
        "[01]",
      )
    }){0,2}.{kind}`,
    to: "patch_embed.proj.{kind}",
  },
];

const ends: readonly NameRule[] = [
  { from: "fc_norm.{kind}", to: "fc_norm.{kind}" },
  { from: `${oneOf("head_dist", "dist_head", "distillation_classifier")}.{kind}`, to: "head_dist.{kind}" },
  {
    from: `${oneOf("mlp_head", "out_head", "head", "classifier", "fc", "heads")}.0.{kind}`,
    to: "norm.{kind}",
  },
  {
    from: `(?:${stacks}.)*${
      oneOf(
        "norm",
        "ln",
        "ln_f",
        "norm_f",
        "ln_post",
        "final_norm",
        "norm_final",
        "layernorm",
        "layer_norm",
        "final_layer_norm",
        "final_ln",
        "encoder_norm",
        "post_norm",
        "out_norm",
        "head_norm",
      )
    }.{kind}`,
    to: "norm.{kind}",
  },
  {
    from: `${
      oneOf(
        "head",
        "heads",
        "mlp_head",
        "out_head",
        "cls_head",
        "class_head",
        "classification_head",
        "classifier",
        "classification",
        "fc",
        "fc_out",
        "linear",
        "out",
        "output",
        "output_layer",
      )
    }(?:.${oneOf("1", "head", "fc", "linear", "layer")})?.{kind}`,
    to: "head.{kind}",
  },
];

/** Any combination of common words. */
export const commonNames: NameMap = {
  id: "common-names",
  general: true,
  prefixes: ["vit.", "ViT.", "visual.", "encoder_model.", "feature_extractor."],
  rules: [...tokens, ...blocks, ...ends],
};
