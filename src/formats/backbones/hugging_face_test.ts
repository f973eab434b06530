import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { parseCard } from "./card.ts";
import { parsePreprocessor, readHubConfig } from "./hugging_face.ts";

function failsWith(message: RegExp, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof InputError && message.test(error.message));
}

const vit = {
  model_type: "vit",
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: "gelu",
  layer_norm_eps: 1e-12,
  image_size: 224,
  patch_size: 16,
  num_channels: 3,
};

function configOf(change: object) {
  return readHubConfig({ ...vit, ...change }, "config.json")!.config;
}

Deno.test("readHubConfig() reads transformers' config.json", () => {
  assert.deepEqual(configOf({}), {
    width: 768,
    depth: 12,
    heads: 12,
    mlp: 3072,
    image: 224,
    patch: 16,
    channels: 3,
    epsilon: 1e-12,
    activation: "gelu",
    norm: "pre",
  });
  assert.equal(configOf({ hidden_act: "gelu_new" }).activation, "gelu-tanh");
  assert.equal(configOf({ hidden_act: "gelu_pytorch_tanh" }).activation, "gelu-tanh");
  assert.equal(configOf({ hidden_act: "relu" }).activation, "relu");
  const dino = configOf({ model_type: "dinov2", intermediate_size: undefined, mlp_ratio: 4 });
  assert.equal(dino.mlp, 3072);
  // As `int(hidden_size * mlp_ratio)`.
  assert.equal(configOf({ model_type: "dinov2", hidden_size: 384, mlp_ratio: 2.7 }).mlp, 1036);
  const square = configOf({ image_size: [32, 32], patch_size: [4, 4] });
  assert.deepEqual([square.image, square.patch], [32, 4]);
  // What a file does not state is not filled in from the defaults of a library.
  const bare = readHubConfig({ model_type: "vit" }, "x")!.config;
  assert.deepEqual([bare.heads, bare.epsilon, bare.activation], [undefined, undefined, undefined]);
  assert.equal(parseCard(JSON.stringify(vit), "x").config.heads, 12);
});

Deno.test("readHubConfig() refuses other models", () => {
  failsWith(/model_type swin, wanted vit/, () => configOf({ model_type: "swin" }));
  failsWith(/hidden_act swish/, () => configOf({ hidden_act: "swish" }));
  failsWith(/hidden_act toString/, () => configOf({ hidden_act: "toString" }));
  failsWith(/image_size 32x64, wanted a square/, () => configOf({ image_size: [32, 64] }));
  failsWith(/num_attention_heads/, () => configOf({ num_attention_heads: "many" }));
  for (const json of [{}, { architecture: 1 }, [vit], null]) {
    assert.equal(readHubConfig(json, "x"), undefined);
  }
});

Deno.test("readHubConfig() reads timm's config.json, and the standard sizes from its names", () => {
  const facts = (architecture: string, more: object = {}) =>
    readHubConfig(
      { architecture, pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }, ...more },
      "x",
    )!;
  const { config, pixels } = facts("vit_base_patch16_224");
  assert.deepEqual(config, { heads: 12, norm: "pre", activation: "gelu", epsilon: 1e-6 });
  assert.deepEqual(pixels, { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] });
  assert.equal(facts("deit_tiny_distilled_patch16_224").config.heads, 3);
  assert.equal(facts("vit_small_patch8_224.dino").config.heads, 6);
  // Models with other parts, or with arguments of their own, are not known by their name.
  const clip = { heads: 12, norm: "pre", activation: "quick-gelu", epsilon: 1e-5 };
  assert.deepEqual(facts("vit_base_patch16_clip_quickgelu_224").config, clip);
  assert.equal(facts("vit_giant_patch14_reg4_dinov2").config.activation, "silu");
  assert.equal(facts("vit_medium_patch16_reg4_gap_256").config.pool, "mean");
  assert.equal(facts("vit_base_patch16_gap_224.augreg").config.heads, 16);
  for (const name of ["vit_base_patch16_siglip_224", "vit_base_patch16_rpn_224", "resnet50"]) {
    assert.deepEqual(facts(name).config, {}, name);
  }
  assert.equal(
    facts("vit_base_patch16_224", { model_args: { act_layer: "relu" } }).config.activation,
    "relu",
  );
  assert.deepEqual(facts("vit_base_patch16_224", { model_args: { norm_layer: "rmsnorm" } }).config, {});
  assert.deepEqual(facts("vit_base_patch16_224", { model_args: { qk_norm: true, img_size: 32 } }).config, {
    image: 32,
  });
  // What changes nothing does not keep the name from telling.
  const trained = { drop_path_rate: 0.1, dynamic_img_size: true, qk_norm: false, norm_layer: null };
  assert.equal(facts("vit_base_patch16_224", { model_args: trained }).config.heads, 12);
  assert.equal(facts("vit_base_patch16_224", { model_args: null, pretrained_cfg: null }).config.heads, 12);
  const old = readHubConfig({
    architecture: "vit_tiny_patch16_224",
    mean: [0.5],
    std: 0.2,
    input_size: [3, 8, 8],
  }, "x")!;
  assert.deepEqual(old.pixels, { mean: [0.5], std: [0.2] });
  assert.deepEqual([old.config.image, old.config.channels], [8, 3]);
  failsWith(/img_size 8x32, wanted a square/, () => facts("x", { model_args: { img_size: [8, 32] } }));
  failsWith(
    /input_size 8x32, wanted a square/,
    () => facts("x", { pretrained_cfg: { input_size: [3, 8, 32] } }),
  );
  assert.deepEqual(facts("vit_base_patch16_224", { model_args: { num_heads: "many" } }).config, {});
  const small = { model_args: { num_heads: 6, img_size: 32, qkv_bias: false } };
  assert.equal(facts("vit_base_patch16_224", small).config.heads, 6);
  assert.equal(facts("vit_base_patch16_224", { global_pool: "token" }).config.heads, 12);
  assert.equal(facts("vit_base_patch16_224", { global_pool: "avg" }).config.pool, "mean");
  failsWith(/global_pool map \(attention pooling\)/, () => facts("x", { global_pool: "map" }));
  failsWith(/global_pool max/, () => facts("x", { model_args: { global_pool: "max" } }));
});

Deno.test("parsePreprocessor() gives statistics of pixels between 0 and 1", () => {
  const of = (facts: object) => parsePreprocessor(JSON.stringify(facts), "x");
  const [image_mean, image_std] = [[0.5, 0.25, 0], [0.5, 0.25, 1]];
  assert.deepEqual(of({ image_mean, image_std }), { mean: image_mean, std: image_std });
  const rescaled = { do_rescale: true, rescale_factor: 0.00392156862745098 };
  assert.deepEqual(of({ image_mean, image_std, ...rescaled }), { mean: image_mean, std: image_std });
  // Bytes that are not rescaled: statistics of 0 to 255.
  assert.deepEqual(of({ do_rescale: false, image_mean: [127.5], image_std: [51] }), {
    mean: [0.5],
    std: [0.2],
  });
  assert.deepEqual(of({ do_normalize: false }), { mean: [0], std: [1] });
  assert.deepEqual(of({}), { mean: undefined, std: undefined });
  failsWith(/image_mean/, () => of({ image_mean: "grey" }));
  failsWith(/^Cannot read x: /, () => parsePreprocessor("[", "x"));
});
