import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { inFolder } from "../../core/test_folder.ts";
import { type BackendChoice, createExecutor } from "../../executors/select.ts";
import { trace } from "../../graph/graph.ts";
import type { Backbone } from "../../nn/backbone.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { linearHead } from "../../nn/heads.ts";
import { initBackbone, initHead } from "../../nn/init.ts";
import { stateLookup, vitFeature } from "../../nn/vit.ts";
import { writeSafetensors } from "../files/safetensors.ts";
import { formatCard, parseCard } from "./card.ts";
import type { BackboneFacts } from "./facts.ts";
import { loadBackbone, type LoadOptions, parseBackbone } from "./load_backbone.ts";

const shared = new URL("../../../../shared/", import.meta.url).pathname;
const hasShared = await Deno.stat(`${shared}models`).then(() => true, () => false);
if (!hasShared) console.log("Tests of third-party checkpoints are skipped: there is no shared folder.");

/** The first records of CIFAR-100's test file as the model wants them. */
async function firstImages({ pixels }: Backbone, count: number): Promise<Float32Array> {
  const file = await Deno.readFile(`${shared}data/cifar-100-binary/test.bin`);
  const images = new Float32Array(count * 3072);
  for (let i = 0; i < images.length; i++) {
    const channel = Math.floor(i / 1024) % 3;
    const byte = file[Math.floor(i / 3072) * 3074 + 2 + i % 3072]!;
    images[i] = (byte / 255 - pixels.mean[channel]!) / pixels.std[channel]!;
  }
  return images;
}

async function classify(backbone: Backbone, images: Float32Array, count: number, backend: BackendChoice) {
  const { config, weights, head } = backbone;
  const { channels, image } = config;
  const tensors = { ...weights, "head.weight": head!.weight, "head.bias": head!.bias };
  const program = trace((graph) => {
    const state = (name: "head.weight" | "head.bias") => graph.state(name, tensors[name].shape);
    const input = graph.input("images", [count, channels, image, image]);
    const feature = vitFeature(config, stateLookup(graph, config), input);
    graph.output("feature", feature);
    graph.output("logits", linearHead(feature, state("head.weight"), state("head.bias")));
  });
  const { executor } = await createExecutor(backend);
  const states = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [
      name,
      executor.tensor({ shape, values: data, frozen: true }),
    ]),
  );
  const executable = await executor.compile(program, states);
  const results = await executable.run({ images }, ["feature", "logits"]);
  await executor.dispose();
  return results;
}

for (const name of ["vit_cifar10_ashuahlawat", "vit_cifar10_smmk47"]) {
  for (const [backend, count] of [["reference", 2], ["onnx", 4]] as const) {
    Deno.test({
      name: `loadBackbone() of ${name} gives its card's logits on ${backend}`,
      ignore: !hasShared,
      fn: async () => {
        const card = JSON.parse(await Deno.readTextFile(`${shared}models/${name}.json`));
        const backbone = await loadBackbone(`${shared}models/${name}.safetensors`);
        assert.equal(backbone.id, name);
        const images = await firstImages(backbone, count);
        const { feature, logits } = await classify(backbone, images, count, backend);
        const { width } = backbone.config;
        for (let i = 0; i < count; i++) {
          (card.golden.logits[i] as number[]).forEach((value, c) =>
            assert.ok(Math.abs(logits![i * 10 + c]! - value) < 1e-3, `logit ${c} of image ${i}`)
          );
          (card.golden.feature_first8[i] as number[]).forEach((value, j) =>
            assert.ok(Math.abs(feature![i * width + j]! - value) < 1e-4, `feature ${j} of image ${i}`)
          );
        }
      },
    });
  }
}

const config: ViTConfig = {
  image: 4,
  patch: 2,
  channels: 1,
  width: 6,
  depth: 2,
  heads: 3,
  mlp: 8,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};
const pixels = { mean: [0.5], std: [0.25] };
const weights = initBackbone(config, createRng(1, "load"));
const head = initHead(3, config.width, createRng(1, "head"));
const whole: Record<string, HostTensor> = { ...weights, "head.weight": head.weight, "head.bias": head.bias };
const card: BackboneFacts = { config, pixels };

function parse(
  tensors: NamedTensors = whole,
  facts = card,
  options: LoadOptions = {},
) {
  return parseBackbone(writeSafetensors({ tensors }), "dir/tiny.safetensors", facts, options);
}

function failsWith(message: RegExp, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof InputError && message.test(error.message));
}

Deno.test("parseBackbone() takes sizes from tensors and the rest from the card", () => {
  const backbone = parse();
  assert.deepEqual(backbone.config, config);
  assert.deepEqual(backbone.pixels, pixels);
  assert.deepEqual(backbone.weights, weights);
  assert.deepEqual(backbone.head, head);
  assert.equal(backbone.id, "tiny");
  assert.equal(parse(weights).head, undefined);
});

Deno.test("parseBackbone() hashes architecture, pixels and tensors, but neither names nor order of the file", () => {
  const { hash } = parse();
  const reversed = Object.fromEntries(Object.entries(whole).reverse());
  assert.equal(parseBackbone(writeSafetensors({ tensors: reversed }), "other", card).hash, hash);
  const nudged = { ...whole, "norm.bias": hostTensor([6], Float32Array.of(0, 0, 0, 0, 0, 1e-6)) };
  const hashes = [
    hash,
    parse(nudged).hash,
    parse(weights).hash,
    parse(whole, card, { overrides: { heads: 2 } }).hash,
    parse(whole, card, { overrides: { mean: [0.4] } }).hash,
  ];
  assert.equal(new Set(hashes).size, hashes.length);
});

Deno.test("parseBackbone() names a fact that nothing tells, unless an override gives it", () => {
  const missing = { config: { ...config, heads: undefined }, pixels };
  failsWith(/no "heads".*card.*override \(--heads\)/, () => parse(whole, missing));
  assert.equal(parse(whole, missing, { overrides: { heads: 2 } }).config.heads, 2);
  failsWith(/no "epsilon"/, () => parse(whole, { config: { ...config, epsilon: undefined }, pixels }));
  failsWith(/no "std"/, () => parse(whole, { config, pixels: { mean: [0] } }));
  failsWith(/no "heads"/, () => parseBackbone(writeSafetensors({ tensors: whole }), "x"));
});

Deno.test("parseBackbone() refuses contradictions and unsound facts", () => {
  failsWith(/card says mlp 9, the tensors 8/, () => parse(whole, { config: { ...config, mlp: 9 }, pixels }));
  failsWith(
    /card says image 8, the tensors 4/,
    () => parse(whole, { config: { ...config, image: 8 }, pixels }),
  );
  failsWith(/4 heads, wanted a divisor of width 6/, () => parse(whole, card, { overrides: { heads: 4 } }));
  failsWith(/pixel mean \[0,0,0\], wanted 1/, () => parse(whole, card, { overrides: { mean: [0, 0, 0] } }));
  failsWith(/pixel std \[0\]/, () => parse(whole, card, { overrides: { std: [0] } }));
});

Deno.test("parseBackbone() refuses tensors that do not make a Vision Transformer", () => {
  const change = (tensors: NamedTensors) => () => parse({ ...whole, ...tensors });
  failsWith(/blocks\.0\.gate/, change({ "blocks.0.gate": hostTensor([6]) }));
  assert.ok(parse({ ...whole, extra: hostTensor([1]) }, card, { ignoreUnknown: true }));
  failsWith(/found 3 positions/, change({ pos_embed: hostTensor([1, 3, 6]) }));
  failsWith(/\[7\] for "norm.bias", wanted \[6\]/, change({ "norm.bias": hostTensor([7]) }));
  failsWith(
    /\[6,6\] for "blocks.1.attn.qkv.weight"/,
    change({ "blocks.1.attn.qkv.weight": hostTensor([6, 6]) }),
  );
  failsWith(
    /"blocks.1.norm1.bias" has NaN/,
    change({ "blocks.1.norm1.bias": hostTensor([6], new Float32Array(6).fill(NaN)) }),
  );
  const { "norm.weight": _, ...incomplete } = whole;
  failsWith(/nothing for "norm\.weight"/, () => parse(incomplete));
  const { "head.bias": __, ...headless } = whole;
  failsWith(/nothing for "head\.bias"/, () => parse(headless));
});

Deno.test("loadBackbone() reads the card beside the weights, or the one it is told", () =>
  inFolder(async (folder) => {
    const path = `${folder}/tiny.safetensors`;
    await Deno.writeFile(path, writeSafetensors({ tensors: whole }));
    await assert.rejects(loadBackbone(path), /no "heads"/);
    await Deno.writeTextFile(`${folder}/other.json`, formatCard({ config, pixels }));
    assert.equal((await loadBackbone(path, { card: `${folder}/other.json` })).hash, parse().hash);
    await Deno.writeTextFile(`${folder}/tiny.json`, formatCard({ config, pixels }));
    assert.equal((await loadBackbone(path)).hash, parse().hash);
    assert.deepEqual(parseCard(await Deno.readTextFile(`${folder}/tiny.json`), "x").config, config);
    await assert.rejects(loadBackbone(`${folder}/none.safetensors`), InputError);
    await assert.rejects(loadBackbone(path, { card: `${folder}/none.json` }), InputError);
    const fromFolder = await loadBackbone(folder);
    assert.equal(fromFolder.hash, parse().hash);
    assert.equal(fromFolder.id, folder.replace(/^.*\//, ""));
  }));

/** A safetensors file of half-precision values; `bits` gives those of a number. */
function halfFile(dtype: "F16" | "BF16", bits: (value: number) => number): Uint8Array {
  let offset = 0;
  const entries = Object.entries(whole).map(([name, { shape, data }]) => {
    const begin = offset;
    offset += 2 * data.length;
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const;
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const values = Uint16Array.from(Object.values(whole).flatMap(({ data }) => Array.from(data, bits)));
  const file = new Uint8Array(8 + header.length + values.byteLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(new Uint8Array(values.buffer), 8 + header.length);
  return file;
}

Deno.test("parseBackbone() reads half-precision weights", () => {
  const float = new Float32Array(1);
  const pattern = new Uint32Array(float.buffer);
  const truncated = (value: number) => {
    float[0] = value;
    return pattern[0]! >>> 16;
  };
  const bfloat = parseBackbone(halfFile("BF16", truncated), "x", card);
  // Of values that bfloat16 keeps, 8 bits of mantissa are left.
  bfloat.weights["pos_embed"]!.data.forEach((value, i) => {
    const wanted = weights["pos_embed"]!.data[i]!;
    assert.ok(Math.abs(value - wanted) <= Math.abs(wanted) / 128 && value !== 0);
  });
  // 0x3c00 is 1 in IEEE half precision.
  const half = parseBackbone(halfFile("F16", (value) => value === 1 ? 0x3c00 : 0), "x", card);
  assert.deepEqual(half.weights["norm.weight"], weights["norm.weight"]);
});

Deno.test("parseBackbone() uses the names that a card gives", () => {
  const odd = Object.fromEntries(
    Object.entries(whole).flatMap(([name, tensor]): [string, HostTensor][] => {
      const third = /^blocks\.(\d)\.attn\.qkv\.(weight|bias)$/.exec(name);
      if (!third) return [[name.replace("blocks.", "stage(").replace(/(\d)\./, "$1)."), tensor]];
      const size = tensor.data.length / 3;
      return ["ask", "key", "tell"].map((word, i) => [
        `stage(${third[1]}).${word}:${third[2]}`,
        hostTensor(
          [tensor.shape[0]! / 3, ...tensor.shape.slice(1)],
          tensor.data.slice(i * size, (i + 1) * size),
        ),
      ]);
    }),
  );
  const names = {
    "stage({block}).ask:{kind}": "blocks.{block}.attn.q.{kind}",
    "stage({block}).key:{kind}": "blocks.{block}.attn.k.{kind}",
    "stage({block}).tell:{kind}": "blocks.{block}.attn.v.{kind}",
    ...Object.fromEntries(
      ["norm1", "norm2", "attn.proj", "mlp.fc1", "mlp.fc2"].map((part) => [
        `stage({block}).${part}.{kind}`,
        `blocks.{block}.${part}.{kind}`,
      ]),
    ),
    ...Object.fromEntries(
      ["norm", "head", "patch_embed.proj"].map((part) => [`${part}.{kind}`, `${part}.{kind}`]),
    ),
    cls_token: "cls_token",
    pos_embed: "pos_embed",
    "junk*": null,
  };
  const tensors = { ...odd, "junk*": hostTensor([1]) };
  assert.equal(parse(tensors, { ...card, names }).hash, parse().hash);
  failsWith(
    /the name map card does not know \("junkyard"\)/,
    () => parse({ ...tensors, junkyard: hostTensor([1]) }, { ...card, names }),
  );
  failsWith(
    /\{block\} and \{kind\} once each/,
    () => parse(odd, { ...card, names: { "a{block}{block}": "b{block}" } }),
  );
  failsWith(/\{block\} and \{kind\} once each/, () => parse(odd, { ...card, names: { "a{block}": "b" } }));
});

Deno.test("parseBackbone() asks for the order of a linear patch embedding", () => {
  const flat = {
    ...whole,
    "patch_embed.proj.weight": hostTensor([6, 4], weights["patch_embed.proj.weight"]!.data),
  };
  failsWith(/no "patchOrder".*channels-first or channels-last/, () => parse(flat));
  assert.equal(parse(flat, { ...card, patchOrder: "channels-first" }).hash, parse().hash);
  const odd = { ...whole, "patch_embed.proj.weight": hostTensor([6, 5]) };
  failsWith(/square patches/, () => parse(odd, { ...card, patchOrder: "channels-first" }));
});

Deno.test("parseBackbone() takes a model without a final norm if it is post-norm or stated", () => {
  const { "norm.weight": _, "norm.bias": __, ...normless } = whole;
  failsWith(/no final norm after pre-norm blocks/, () => parse(normless));
  const stated = parse(normless, { ...card, config: { ...config, finalNorm: false } });
  assert.equal(stated.config.finalNorm, false);
  const post = parse(normless, { ...card, config: { ...config, norm: "post" } });
  assert.equal(post.config.finalNorm, false);
  assert.equal(parse(whole, { ...card, config: { ...config, norm: "post" } }).config.finalNorm, undefined);
  failsWith(
    /a final norm, which the card says/,
    () => parse(whole, { ...card, config: { ...config, finalNorm: false } }),
  );
});

Deno.test("parseBackbone() passes over buffers of integers, and no other integers", () => {
  const bytes = (name: string) =>
    writeSafetensors({ tensors: whole, integers: { [name]: { shape: [1], data: Int32Array.of(0) } } });
  assert.equal(parseBackbone(bytes("embeddings.position_ids"), "x", card).hash, parse().hash);
  failsWith(/does not know \("steps"\).*--ignore-unknown/, () => parseBackbone(bytes("steps"), "x", card));
});
