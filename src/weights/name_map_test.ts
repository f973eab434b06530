import assert from "node:assert/strict";
import { InputError } from "../core/errors.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { applyNameMap, chooseNameMap, withoutToken, withRank } from "./name_map.ts";
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
  return chooseNameMap(nameMaps, tensors, wanted, "w.safetensors");
}

for (const prefix of ["", "vit.", "deit."]) {
  Deno.test(`chooseNameMap() knows Hugging Face's names with the prefix "${prefix}"`, () => {
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

Deno.test("chooseNameMap() drops a distillation token with its position and classifier", () => {
  const { map, tensors, leftover } = choose({
    ...huggingFace("deit.", 6),
    "deit.embeddings.distillation_token": tensor([1, 1, WIDTH]),
    ...pair("cls_classifier", [3, WIDTH], 1),
    ...pair("distillation_classifier", [3, WIDTH], 2),
  });
  assert.equal(map, "hugging-face-distilled");
  assert.deepEqual(leftover, []);
  assert.deepEqual([...tensors["pos_embed"]!.data], [0, 1, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.equal(tensors["head.weight"]!.data[0], 1);
  const own = choose(huggingFace("")).tensors;
  const timm = choose({
    ...own,
    pos_embed: tensor([1, 6, WIDTH]),
    dist_token: tensor([1, 1, WIDTH]),
    ...pair("head", [3, WIDTH]),
    ...pair("head_dist", [3, WIDTH]),
  });
  assert.equal(timm.map, "timm-distilled");
  assert.deepEqual(timm.tensors["pos_embed"]!.shape, [1, 5, WIDTH]);
});

Deno.test("chooseNameMap() knows the names of timm, torch and torchvision", () => {
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

Deno.test("applyNameMap() fills biases of qkv with zeros only if the file has none", () => {
  const own = choose(huggingFace("")).tensors;
  const timm = nameMaps.find(({ id }) => id === "timm")!;
  const { "blocks.0.attn.qkv.bias": _, ...partial } = own;
  assert.deepEqual(applyNameMap(timm, partial, wanted).missing, ["blocks.0.attn.qkv.bias"]);
  const { "blocks.1.attn.qkv.bias": __, ...none } = partial;
  const filled = applyNameMap(timm, none, wanted);
  assert.deepEqual(filled.missing, []);
  assert.deepEqual(filled.tensors["blocks.1.attn.qkv.bias"], tensor([3 * WIDTH]));
});

Deno.test("chooseNameMap() lists what is missing, and refuses two tensors for one name", () => {
  const fails = (tensors: NamedTensors, message: RegExp) =>
    assert.throws(
      () => choose(tensors),
      (error) => error instanceof InputError && message.test(error.message),
    );
  const { "vit.encoder.layer.0.attention.attention.key.bias": _, ...incomplete } = huggingFace("vit.");
  fails(incomplete, /hugging-face, misses "blocks\.0\.attn\.qkv\.bias"/);
  fails({ unrelated: tensor([1]) }, /no name map fits.*"cls_token".* more.*does not know "unrelated"/);
  fails({}, /no name map fits/);
  fails({ ...huggingFace("vit."), "embeddings.cls_token": tensor([1, 1, WIDTH]) }, /both mean "cls_token"/);
  const unequal = {
    ...huggingFace(""),
    "encoder.layer.0.attention.attention.key.weight": tensor([1, WIDTH]),
  };
  fails(unequal, /q, k and v of shapes \[2,2\], \[1,2\], \[2,2\]/);
  // A block number from a hostile file must not decide how much is allocated.
  const own = choose(huggingFace("")).tensors;
  fails({ ...own, "blocks.99999999999.norm1.weight": tensor([WIDTH]) }, /misses/);
});

Deno.test("chooseNameMap() refuses maps that fit equally well", () => {
  const timm = nameMaps.find(({ id }) => id === "timm")!;
  const own = choose(huggingFace("")).tensors;
  assert.throws(
    () => chooseNameMap([timm, { ...timm, id: "twin" }], own, wanted, "w"),
    /timm and twin fit equally/,
  );
});

Deno.test("withRank() adds and removes leading axes of size 1", () => {
  assert.deepEqual(withRank(3)(tensor([5, 2])).shape, [1, 5, 2]);
  assert.deepEqual(withRank(3)(tensor([2])).shape, [1, 1, 2]);
  assert.deepEqual(withRank(2)(tensor([1, 1, 5, 2])).shape, [5, 2]);
  assert.throws(() => withRank(2)(tensor([2, 5, 2])), RangeError);
});

Deno.test("withoutToken() removes one row", () => {
  const positions = hostTensor([1, 3, 2], Float32Array.of(0, 1, 2, 3, 4, 5));
  assert.deepEqual([...withoutToken(0)(positions).data], [2, 3, 4, 5]);
  assert.deepEqual([...withoutToken(1)(positions).data], [0, 1, 4, 5]);
  assert.throws(() => withoutToken(1)(tensor([2, 3, 2])), RangeError);
  assert.throws(() => withoutToken(1)(tensor([1, 2, 2])), RangeError);
});
