import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { concat, narrow, reshape } from "../graph/functions.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { adapterToTensors, createAdapter } from "./adapter.ts";
import type { ViTConfig } from "./config.ts";
import { initBackbone } from "./init.ts";
import { branchFromTensors } from "./lora.ts";
import { distance, evaluate, noise, perturb, tinyConfig } from "./testing.ts";
import { type Edits, encode, type Encoded, stateLookup, vitFeature } from "./vit.ts";

const BATCH = 3;
const images = noise([BATCH, tinyConfig.channels, tinyConfig.image, tinyConfig.image]);
const weights = perturb(initBackbone(tinyConfig, createRng(0, "vit")), 0.3, "weights");
const postNorm: ViTConfig = { ...tinyConfig, norm: "post" };

/** Evaluates what `build` makes of one forward pass. */
function run(
  build: (graph: Graph, pass: (edits?: Edits, images?: Tensor) => Encoded) => Record<string, Tensor>,
  states: NamedTensors = {},
  config = tinyConfig,
) {
  return evaluate((graph) => {
    const all = graph.state("images", images.shape);
    return build(graph, (edits, some = all) => encode(config, stateLookup(graph, config), some, edits));
  }, { ...weights, images, ...states });
}

/** Rows of one image. */
function image(x: Tensor, index: number): Tensor {
  return narrow(x, 0, index, 1);
}

function adapter(label: string, rank = 2): NamedTensors {
  const fresh = createAdapter(
    tinyConfig,
    { rank, scale: 0.5, targets: ["k", "proj", "fc1"] },
    createRng(0, label),
  );
  return perturb(adapterToTensors(fresh), 0.3, label);
}

function states(graph: Graph, tensors: NamedTensors, prefix = ""): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { shape }]) => [name, graph.state(prefix + name, shape)]),
  );
}

function prefixed(tensors: NamedTensors, prefix: string): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

Deno.test("encode() gives the feature as the first of its tokens", async () => {
  for (const config of [tinyConfig, postNorm]) {
    const { feature, tokens, plain } = await run(
      (graph, pass) => {
        const { feature, tokens } = pass();
        const plain = vitFeature(config, stateLookup(graph, config), graph.state("images", images.shape));
        return { feature, tokens, plain };
      },
      {},
      config,
    );
    const width = config.width;
    const perImage = tokens!.length / BATCH;
    const first = Array.from(
      { length: BATCH },
      (_, i) => [...tokens!.subarray(i * perImage, i * perImage + width)],
    );
    assert.ok(distance(feature!, first.flat()) < 1e-12);
    assert.deepEqual(feature, plain);
  }
});

Deno.test("encode() gives each image its own gain, and its own factors", async () => {
  const [one, two] = [adapter("one"), adapter("two")];
  const gains = hostTensor([BATCH, 2], Float32Array.of(1, 0.5, 0, 2, -1, 0.25));
  const found = await run((graph, pass) => {
    const all = graph.state("images", images.shape);
    const [first, second] = [
      branchFromTensors(states(graph, one, "one."), 0.5),
      branchFromTensors(states(graph, two, "two."), 0.5),
    ];
    const gain = graph.state("gains", gains.shape);
    const own = Array.from({ length: BATCH }, (_, i) => {
      const branches = [{ ...first, gain: reshape(image(gain, i), [2]) }, second];
      return pass({ branches }, image(all, i)).feature;
    });
    // The same factors, stacked as if they were each image's own.
    const pairs = Object.fromEntries(
      Object.entries(first.pairs).map(([site, { a, b }]) => [site, {
        a: concat(Array.from({ length: BATCH }, () => reshape(a, [1, ...a.shape]))),
        b: concat(Array.from({ length: BATCH }, () => reshape(b, [1, ...b.shape]))),
      }]),
    );
    return {
      gains: pass({ branches: [{ ...first, gain }, second] }).feature,
      factors: pass({ branches: [{ pairs, gain }, second] }).feature,
      wanted: concat(own),
    };
  }, { ...prefixed(one, "one."), ...prefixed(two, "two."), gains });
  assert.ok(distance(found["gains"]!, found["wanted"]!) < 1e-12);
  assert.ok(distance(found["factors"]!, found["wanted"]!) < 1e-12);
});

Deno.test("encode() lets prompts stay or leave, and prefixes be seen without answering", async () => {
  const prompt = noise([1, 2, tinyConfig.width]);
  const found = await run((graph, pass) => {
    const tokens = graph.state("prompt", prompt.shape);
    const at = (block: number, stays: boolean): Edits => ({
      prompts: (i) => i === block ? { tokens, stays } : undefined,
    });
    const prefix: Edits = { prefixes: () => ({ keys: tokens, values: tokens }) };
    const stays = pass(at(0, true));
    const leaves = pass(at(0, false));
    return {
      plain: pass().feature,
      stays: stays.feature,
      leaves: leaves.feature,
      staysTokens: stays.tokens,
      leavesTokens: leaves.tokens,
      last: pass(at(1, true)).feature,
      lastLeaves: pass(at(1, false)).feature,
      prefix: pass(prefix).feature,
      prefixTokens: pass(prefix).tokens,
    };
  }, { prompt });
  const count = BATCH * 5 * tinyConfig.width;
  assert.equal(found["leavesTokens"]!.length, count);
  assert.equal(found["staysTokens"]!.length, BATCH * 7 * tinyConfig.width);
  assert.equal(found["prefixTokens"]!.length, count);
  for (const name of ["stays", "leaves", "prefix"]) {
    assert.ok(distance(found[name]!, found["plain"]!) > 1e-3, name);
  }
  assert.ok(distance(found["stays"]!, found["leaves"]!) > 1e-3);
  // In the last block there is nothing to go on to.
  assert.ok(distance(found["last"]!, found["lastLeaves"]!) < 1e-12);
});

Deno.test("encode() attends to prefixes as attention over longer keys does", async () => {
  // One block, one head, pre-norm: softmax over own and prefix keys, computed by hand for the class token.
  const config: ViTConfig = { ...tinyConfig, depth: 1, heads: 1 };
  const [keys, values] = [noise([1, 2, 6], createRng(1, "k")), noise([1, 2, 6], createRng(1, "v"))];
  const { qkv, attended, tokens } = await run(
    (graph, pass) => {
      const edits: Edits = {
        prefixes: () => ({
          keys: graph.state("keys", keys.shape),
          values: graph.state("values", values.shape),
        }),
      };
      const encoded = pass(edits);
      return { qkv: encoded.input("0.q"), attended: encoded.input("0.proj"), tokens: encoded.tokens };
    },
    { keys, values },
    config,
  );
  assert.ok(tokens!.every(Number.isFinite));
  const [w, bias] = [weights["blocks.0.attn.qkv.weight"]!, weights["blocks.0.attn.qkv.bias"]!];
  const project = (token: number, row: number) =>
    Array.from(
      { length: 6 },
      (_, o) =>
        Array.from({ length: 6 }, (_, i) => qkv![token * 6 + i]! * w.data[(row * 6 + o) * 6 + i]!)
          .reduce((total, value) => total + value, bias.data[row * 6 + o]!),
    );
  const rowsOf = ({ data }: HostTensor) => [[...data.subarray(0, 6)], [...data.subarray(6, 12)]];
  const dot = (a: number[], b: number[]) => a.reduce((total, value, i) => total + value * b[i]!, 0);
  for (let imageIndex = 0; imageIndex < BATCH; imageIndex++) {
    const own = Array.from({ length: 5 }, (_, token) => imageIndex * 5 + token);
    const allKeys = [...own.map((token) => project(token, 1)), ...rowsOf(keys)];
    const allValues = [...own.map((token) => project(token, 2)), ...rowsOf(values)];
    const scores = allKeys.map((key) => Math.exp(dot(project(own[0]!, 0), key) / Math.sqrt(6)));
    const total = scores.reduce((a, b) => a + b);
    const wanted = Array.from(
      { length: 6 },
      (_, i) => scores.reduce((sum, score, k) => sum + score / total * allValues[k]![i]!, 0),
    );
    const start = imageIndex * 5 * 6;
    assert.ok(distance(attended!.subarray(start, start + 6), wanted) < 1e-6);
  }
});

Deno.test("encode() gives the input of every site, and refuses others", async () => {
  const found = await run((_, pass) => {
    const encoded = pass();
    const { feature } = encoded;
    return { feature, q: encoded.input("1.q"), v: encoded.input("1.v"), fc2: encoded.input("1.fc2") };
  });
  assert.deepEqual(found["q"], found["v"]);
  assert.equal(found["q"]!.length, BATCH * 5 * tinyConfig.width);
  assert.equal(found["fc2"]!.length, BATCH * 5 * tinyConfig.mlp);
  await assert.rejects(run((_, pass) => ({ y: pass().input("2.q") })), /Cannot adapt site "2.q"/);
});
