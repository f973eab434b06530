import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { applyNameMap, checkNothingMissing } from "./name_map.ts";
import { nearestNameMap } from "./nearest_map.ts";
import { nameMaps } from "./name_maps.ts";

const WIDTH = 2;

/** Stands in for the backbone's list: enough of it to tell what is missing. */
function wanted(depth: number): string[] {
  const block = (i: number) =>
    ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"].flatMap((part) => [
      `blocks.${i}.${part}.weight`,
      `blocks.${i}.${part}.bias`,
    ]);
  const embedding = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"];
  return [
    ...embedding,
    ...Array.from({ length: depth }, (_, i) => block(i)).flat(),
    "norm.weight",
    "norm.bias",
  ];
}

/** A tensor whose values tell where it comes from. */
function tensor(shape: readonly number[], value = 0): HostTensor {
  return hostTensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
}

function pair(name: string, shape: readonly number[], value = 0): NamedTensors {
  return { [`${name}.weight`]: tensor(shape, value), [`${name}.bias`]: tensor(shape.slice(0, 1), value) };
}

/** A Hugging Face ViT of two blocks. */
function huggingFace(prefix: string, tokens = 5): NamedTensors {
  const block = (i: number) => {
    const name = (part: string) => `${prefix}encoder.layer.${i}.${part}`;
    return {
      ...pair(name("attention.attention.query"), [WIDTH, WIDTH], 10 * i + 1),
      ...pair(name("attention.attention.key"), [WIDTH, WIDTH], 10 * i + 2),
      ...pair(name("attention.attention.value"), [WIDTH, WIDTH], 10 * i + 3),
      ...pair(name("attention.output.dense"), [WIDTH, WIDTH], 10 * i + 4),
      ...pair(name("intermediate.dense"), [4, WIDTH], 10 * i + 5),
      ...pair(name("output.dense"), [WIDTH, 4], 10 * i + 6),
      ...pair(name("layernorm_before"), [WIDTH], 10 * i + 7),
      ...pair(name("layernorm_after"), [WIDTH], 10 * i + 8),
    };
  };
  const positions = Float32Array.from({ length: tokens * WIDTH }, (_, i) => i);
  return {
    [`${prefix}embeddings.cls_token`]: tensor([1, 1, WIDTH]),
    [`${prefix}embeddings.position_embeddings`]: hostTensor([1, tokens, WIDTH], positions),
    ...pair(`${prefix}embeddings.patch_embeddings.projection`, [WIDTH, 3, 2, 2]),
    ...block(1),
    ...block(0),
    ...pair(`${prefix}layernorm`, [WIDTH]),
  };
}

function choose(tensors: NamedTensors) {
  const mapped = nearestNameMap(nameMaps, tensors, wanted, "w.safetensors");
  checkNothingMissing(mapped, "w.safetensors");
  return mapped;
}

for (const prefix of ["", "vit.", "deit."]) {
  Deno.test(`nearestNameMap() knows Hugging Face's names with the prefix "${prefix}"`, () => {
    const { map, tensors, leftover } = choose({
      ...huggingFace(prefix),
      ...pair(`${prefix}pooler.dense`, [WIDTH, WIDTH]),
      ...pair("classifier", [3, WIDTH], 9),
    });
    assert.equal(map, "hugging-face");
    assert.deepEqual(leftover, []);
    assert.deepEqual(Object.keys(tensors).sort(), [...wanted(2), "head.weight", "head.bias"].sort());
    const { shape, data } = tensors["blocks.1.attn.qkv.weight"]!;
    assert.deepEqual(shape, [3 * WIDTH, WIDTH]);
    assert.deepEqual([...data], [11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13]);
    assert.deepEqual([...tensors["blocks.0.attn.qkv.bias"]!.data], [1, 1, 2, 2, 3, 3]);
    assert.equal(tensors["blocks.1.mlp.fc2.weight"]!.data[0], 16);
    assert.equal(tensors["blocks.0.norm2.weight"]!.data[0], 8);
    assert.equal(tensors["head.bias"]!.data.length, 3);
  });
}

Deno.test("nearestNameMap() knows a distillation token and its classifier", () => {
  const { map, tensors, leftover } = choose({
    ...huggingFace("deit.", 6),
    "deit.embeddings.distillation_token": tensor([1, 1, WIDTH]),
    ...pair("cls_classifier", [3, WIDTH], 1),
    ...pair("distillation_classifier", [3, WIDTH], 2),
  });
  assert.equal(map, "hugging-face");
  assert.deepEqual(leftover, []);
  assert.deepEqual(tensors["pos_embed"]!.shape, [1, 6, WIDTH]);
  assert.deepEqual(tensors["dist_token"]!.shape, [1, 1, WIDTH]);
  assert.equal(tensors["head.weight"]!.data[0], 1);
  assert.equal(tensors["head_dist.weight"]!.data[0], 2);
  const own = choose(huggingFace("")).tensors;
  const timm = choose({
    ...own,
    pos_embed: tensor([1, 6, WIDTH]),
    dist_token: tensor([1, 1, WIDTH]),
    ...pair("head", [3, WIDTH]),
    ...pair("head_dist", [3, WIDTH]),
  });
  assert.equal(timm.map, "timm-distilled");
  assert.deepEqual(timm.tensors["dist_token"]!.shape, [1, 1, WIDTH]);
  assert.deepEqual(timm.unneeded, []);
});

Deno.test("nearestNameMap() finds whatever stands in front of the names of one model, and refuses two", () => {
  const own = choose(huggingFace("")).tensors;
  const under = (prefix: string) =>
    Object.fromEntries(Object.entries(own).map(([name, value]) => [`${prefix}${name}`, value]));
  for (
    const prefix of [
      "teacher.backbone.",
      "student.",
      "encoder.",
      "vision_tower.",
      "timm_model.",
      "a.b.c.d.e.",
    ]
  ) {
    const { map, leftover, missing, tensors } = choose(under(prefix));
    assert.deepEqual([leftover, missing], [[], []], `${prefix} ${map}`);
    assert.equal(Object.keys(tensors).length, Object.keys(own).length);
  }
  const beside = choose({
    ...under("image_encoder."),
    "classifier.weight": tensor([3, WIDTH]),
    "loss.center": tensor([1]),
  });
  // A classifier outside belongs to the model.
  assert.deepEqual(beside.leftover, ["loss.center"]);
  assert.ok("head.weight" in beside.tensors);
  assert.throws(
    () => choose({ ...under("student.backbone."), ...under("teacher.backbone.") }),
    (error) =>
      error instanceof InputError &&
      /found two models, under "student\.backbone\." and "teacher\.backbone\."/.test(error.message),
  );
});

Deno.test("nearestNameMap() knows the names of timm, torch and torchvision", () => {
  const own = choose(huggingFace("")).tensors;
  assert.equal(choose(own).map, "timm");
  const renamed = (rename: (name: string) => string) =>
    choose(Object.fromEntries(Object.entries(own).map(([name, value]) => [rename(name), value])));
  const torch = renamed((name) =>
    name.replace("blocks", "transformer.layers").replace("attn.qkv.", "self_attn.in_proj_")
      .replace("attn.proj", "self_attn.out_proj").replace("mlp.fc", "linear").replace(/^norm/, "mlp_head.0")
  );
  assert.equal(torch.map, "torch-encoder");
  assert.deepEqual(torch.tensors, own);
  const vision = renamed((name) =>
    name.replace("blocks.", "encoder.layers.encoder_layer_").replace("attn.qkv.", "self_attention.in_proj_")
      .replace("attn.proj", "self_attention.out_proj").replace("mlp.fc", "mlp.linear_").replace(
        /\.norm/,
        ".ln_",
      )
      .replace(/^norm/, "encoder.ln").replace("cls_token", "class_token")
      .replace("pos_embed", "encoder.pos_embedding").replace("patch_embed.proj", "conv_proj")
  );
  assert.equal(vision.map, "torchvision");
  assert.deepEqual(vision.tensors, own);
});

Deno.test("applyNameMap() fills biases of a projection with zeros only if no block has one", () => {
  const own = choose(huggingFace("")).tensors;
  const timm = nameMaps.find(({ id }) => id === "timm")!;
  const { "blocks.0.attn.qkv.bias": _, ...partial } = own;
  assert.deepEqual(applyNameMap(timm, partial, wanted).missing, ["blocks.0.attn.qkv.bias"]);
  const { "blocks.1.attn.qkv.bias": __, ...none } = partial;
  const filled = applyNameMap(timm, none, wanted);
  assert.deepEqual(filled.missing, []);
  assert.deepEqual(filled.tensors["blocks.1.attn.qkv.bias"], tensor([3 * WIDTH]));
});

Deno.test("nearestNameMap() reads a model whose layers were all made without biases", () => {
  const own = choose(huggingFace("")).tensors;
  const without = Object.fromEntries(Object.entries(own).filter(([name]) => !name.endsWith(".bias")));
  const { tensors, leftover } = choose(without);
  assert.deepEqual(leftover, []);
  for (const [name, { shape }] of Object.entries(own)) {
    if (name.endsWith(".bias")) assert.deepEqual(tensors[name], tensor(shape), name);
  }
  // A bias of another name is not taken for an absent one.
  assert.deepEqual(choose({ ...without, "norm.beta": tensor([WIDTH]) }).leftover, ["norm.beta"]);
});

Deno.test("checkNothingMissing() lists what is missing, and nearestNameMap() refuses two tensors for one name", () => {
  const fails = (tensors: NamedTensors, message: RegExp) =>
    assert.throws(
      () => choose(tensors),
      (error) => error instanceof InputError && message.test(error.message),
    );
  const { "vit.encoder.layer.0.attention.attention.key.bias": _, ...incomplete } = huggingFace("vit.");
  fails(incomplete, /hugging-face, misses "blocks\.0\.attn\.qkv\.bias"/);
  fails({ unrelated: tensor([1]) }, /no name map fits.*"pos_embed".* more.*does not know "unrelated"/);
  fails({}, /no name map fits/);
  // The path that these share must be found in one pass.
  const path = ".".repeat(100_000);
  fails({ [`${path}a${path}`]: tensor([1]), [`${path}b${path}`]: tensor([1]) }, /no name map fits/);
  fails({ ...huggingFace("vit."), "embeddings.cls_token": tensor([1, 1, WIDTH]) }, /both mean "cls_token"/);
  const unequal = {
    ...huggingFace(""),
    "encoder.layer.0.attention.attention.key.weight": tensor([1, WIDTH]),
  };
  fails(unequal, /q, k and v of shapes \[2,2\], \[1,2\], \[2,2\]/);
  // A block number from a hostile file must not decide how much is allocated.
  const own = choose(huggingFace("")).tensors;
  fails({ ...own, "blocks.9999.norm1.weight": tensor([WIDTH]) }, /misses/);
  const absurd = "blocks.99999999999.norm1.weight";
  assert.deepEqual(choose({ ...own, [absurd]: tensor([WIDTH]) }).leftover, [absurd]);
  fails({ ...own, "blocks.00.norm1.weight": tensor([WIDTH]) }, /both mean "blocks\.0\.norm1\.weight"/);
});

Deno.test("nearestNameMap() refuses maps that fit equally well", () => {
  const timm = nameMaps.find(({ id }) => id === "timm")!;
  const own = choose(huggingFace("")).tensors;
  assert.throws(
    () => nearestNameMap([timm, { ...timm, id: "twin" }], own, wanted, "w"),
    /timm and twin fit equally/,
  );
});

/** A whole file of two blocks under our names. */
function ownNames(): NamedTensors {
  return { ...choose(huggingFace("")).tensors, ...pair("head", [3, WIDTH], 9) };
}

function renamed(rules: readonly (readonly [RegExp, string])[], tensors = ownNames()): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, value]) => [
      rules.reduce((text, [from, to]) => text.replace(from, to), name),
      value,
    ]),
  );
}

for (
  const prefix of ["module.", "model.", "_orig_mod.module.", "module.backbone.", "my_vit.", "net2.inner."]
) {
  Deno.test(`nearestNameMap() strips the wrapper "${prefix}"`, () => {
    const { map, tensors, leftover } = choose(renamed([[/^/, prefix]]));
    assert.equal(map, "timm");
    assert.deepEqual(leftover, []);
    assert.deepEqual(tensors, ownNames());
  });
}

/** Names of models that no family map knows: from our names by these replacements. */
const strangers: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  "encoder layers, dotted words": [
    [/^blocks/, "encoder.layers"],
    [/attn\.qkv/, "attention.qkv_proj"],
    [/attn\.proj/, "attention.out_proj"],
    [/mlp\.fc/, "feed_forward.linear"],
    [/\.norm(\d)/, ".ln$1"],
    [/^norm/, "final_norm"],
    [/^head/, "classifier"],
    [/cls_token/, "embeddings.class_token"],
    [/pos_embed/, "embeddings.positional_embedding"],
    [/patch_embed\.proj/, "embeddings.patch_embedding"],
  ],
  "torch encoder in another place": [
    [/^blocks/, "vit.transformer_encoder.layers"],
    [/attn\.qkv\./, "self_attn.in_proj_"],
    [/attn\.proj/, "self_attn.out_proj"],
    [/mlp\.fc/, "linear"],
    [/^norm/, "fc.0"],
    [/^head/, "fc.1"],
    [/cls_token/, "vit.cls_token"],
    [/pos_embed/, "vit.position_embedding.weight"],
    [/patch_embed\.proj/, "vit.patch_embed.conv"],
  ],
  "numbered sequences": [
    [/^blocks\.(\d)/, "transformer.blocks.layer_$1"],
    [/attn\.qkv/, "msa.to_qkv"],
    [/attn\.proj/, "msa.to_out.0"],
    [/mlp\.fc1/, "ffn.0"],
    [/mlp\.fc2/, "ffn.3"],
    [/\.norm(\d)/, ".layer_norm_$1"],
    [/^norm/, "transformer.norm"],
    [/^head/, "mlp_head"],
    [/cls_token/, "cls"],
    [/pos_embed/, "pos_emb"],
    [/patch_embed\.proj/, "to_patch_embedding.0"],
  ],
  "jeonsworld/ViT-pytorch": [
    [/^blocks/, "transformer.encoder.layer"],
    [/attn\.proj/, "attn.out"],
    [/mlp\.fc/, "ffn.fc"],
    [/norm1/, "attention_norm"],
    [/norm2/, "ffn_norm"],
    [/^norm/, "transformer.encoder.encoder_norm"],
    [/cls_token/, "transformer.embeddings.cls_token"],
    [/pos_embed/, "transformer.embeddings.position_embeddings"],
    [/patch_embed\.proj/, "transformer.embeddings.patch_embeddings"],
  ],
};

for (const [what, rules] of Object.entries(strangers)) {
  Deno.test(`nearestNameMap() understands common words: ${what}`, () => {
    const { map, tensors, leftover } = choose(renamed(rules));
    assert.equal(map, "common-names");
    assert.deepEqual(leftover, []);
    assert.deepEqual(tensors, ownNames());
  });
}

for (const form of ["query", "q_proj", "to_q", "w_q", "W_q", "wq", "q_linear", "q"]) {
  Deno.test(`nearestNameMap() fuses what is called ${form}`, () => {
    const own = huggingFace("");
    const word = (letter: string, long: string) => form === "query" ? long : form.replace("q", letter);
    const tensors = renamed([
      [/attention\.attention\.query/, `mha.${word("q", "query")}`],
      [/attention\.attention\.key/, `mha.${word("k", "key")}`],
      [/attention\.attention\.value/, `mha.${word("v", "value")}`],
      [/attention\.output\.dense/, "mha.o_proj"],
    ], own);
    const found = choose(tensors);
    assert.equal(found.map, "common-names");
    assert.deepEqual(found.leftover, []);
    assert.deepEqual(found.tensors, choose(own).tensors);
  });
}

for (const wrapped of [1, 2, 0]) {
  Deno.test(`nearestNameMap() knows vit-pytorch with ${wrapped} wrappers, flat patches and no bias in qkv`, () => {
    const own = ownNames();
    const [attention, perceptron] = wrapped === 0
      ? ["0", "1.net"]
      : [`0${".fn".repeat(wrapped)}`, `1${".fn".repeat(wrapped)}.net`];
    const inner = wrapped === 2 ? ".fn" : "";
    const tensors = renamed([
      [/^blocks\.(\d)\.norm1/, `transformer.layers.$1.0${inner}.norm`],
      [/^blocks\.(\d)\.norm2/, `transformer.layers.$1.1${wrapped === 0 ? ".net.0" : `${inner}.norm`}`],
      [/^blocks\.(\d)\.attn\.qkv/, `transformer.layers.$1.${attention}.to_qkv`],
      [/^blocks\.(\d)\.attn\.proj/, `transformer.layers.$1.${attention}.to_out.0`],
      [/^blocks\.(\d)\.mlp\.fc1/, `transformer.layers.$1.${perceptron}.${wrapped === 0 ? 1 : 0}`],
      [/^blocks\.(\d)\.mlp\.fc2/, `transformer.layers.$1.${perceptron}.${wrapped === 0 ? 4 : 3}`],
      [/^norm/, wrapped === 0 ? "transformer.norm" : "mlp_head.0"],
      [/^head/, wrapped === 0 ? "mlp_head" : "mlp_head.1"],
      [/pos_embed/, "pos_embedding"],
      [/patch_embed\.proj/, "to_patch_embedding.1"],
    ], own);
    const flat = { ...tensors, "to_patch_embedding.1.weight": tensor([WIDTH, 12], 5) };
    const unbiased = Object.entries(flat).filter(([name]) => !name.endsWith("to_qkv.bias"));
    const found = choose(Object.fromEntries(unbiased));
    assert.equal(found.map, wrapped === 0 ? "vit-pytorch" : "vit-pytorch-wrapped");
    assert.deepEqual(found.leftover, []);
    assert.deepEqual(found.tensors["patch_embed.proj.weight"]!.shape, [WIDTH, 3, 2, 2]);
    assert.deepEqual(found.tensors["blocks.1.attn.qkv.bias"], tensor([3 * WIDTH]));
    assert.deepEqual(found.tensors["blocks.1.mlp.fc2.weight"], own["blocks.1.mlp.fc2.weight"]);
    assert.deepEqual(found.tensors["blocks.1.norm2.weight"], own["blocks.1.norm2.weight"]);
  });
}

Deno.test("nearestNameMap() folds LayerScale into what it scales, and drops a mask token", () => {
  const own = ownNames();
  const scales = Object.fromEntries([0, 1].flatMap((i) => [
    [`blocks.${i}.ls1.gamma`, tensor([WIDTH], 2)],
    [`blocks.${i}.ls2.gamma`, tensor([WIDTH], 3)],
  ]));
  const { map, tensors, leftover, unneeded } = choose({
    ...own,
    ...scales,
    mask_token: tensor([1, 1, WIDTH]),
  });
  assert.equal(map, "timm");
  assert.deepEqual([leftover, unneeded], [[], ["mask_token"]]);
  for (const [part, factor] of [["attn.proj", 2], ["mlp.fc2", 3], ["mlp.fc1", 1]] as const) {
    for (const kind of ["weight", "bias"]) {
      const name = `blocks.1.${part}.${kind}`;
      assert.equal(tensors[name]!.data[0], own[name]!.data[0]! * factor, name);
    }
  }
});

Deno.test("nearestNameMap() knows DINOv2's and the newest ViT's names of Hugging Face", () => {
  const own = huggingFace("");
  const dino = renamed([
    [/^/, "dinov2."],
    [/layernorm_before/, "norm1"],
    [/layernorm_after/, "norm2"],
    [/intermediate\.dense/, "mlp.fc1"],
    [/(layer\.\d+)\.output\.dense/, "$1.mlp.fc2"],
  ], own);
  const scales = Object.fromEntries([0, 1].flatMap((i) => [
    [`dinov2.encoder.layer.${i}.layer_scale1.lambda1`, tensor([WIDTH], 1)],
    [`dinov2.encoder.layer.${i}.layer_scale2.lambda1`, tensor([WIDTH], 1)],
  ]));
  const found = choose({ ...dino, ...scales, "dinov2.embeddings.mask_token": tensor([1, WIDTH]) });
  assert.deepEqual([found.map, found.leftover], ["hugging-face", []]);
  assert.deepEqual(found.tensors, choose(own).tensors);
  const newest = choose(renamed([
    [/encoder\.layer\./, "layers."],
    [/attention\.attention\.query/, "attention.q_proj"],
    [/attention\.attention\.key/, "attention.k_proj"],
    [/attention\.attention\.value/, "attention.v_proj"],
    [/attention\.output\.dense/, "attention.o_proj"],
    [/intermediate\.dense/, "mlp.fc1"],
    [/(layers\.\d+)\.output\.dense/, "$1.mlp.fc2"],
  ], own));
  assert.deepEqual([newest.map, newest.leftover], ["hugging-face-5", []]);
  assert.deepEqual(newest.tensors, choose(own).tensors);
});
