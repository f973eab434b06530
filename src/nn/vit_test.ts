import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { gradients } from "../graph/autodiff.ts";
import { mean, mul, narrow, sum } from "../graph/functions.ts";
import { Graph } from "../graph/graph.ts";
import { adapterToTensors, createAdapter } from "./adapter.ts";
import { loraTargets } from "./sites.ts";
import { backboneTensors, featureWidth, tokenCount, type ViTConfig } from "./config.ts";
import { initBackbone } from "./init.ts";
import { branchFromTensors } from "./lora.ts";
import { distance, evaluate, noise, perturb, tinyConfig, type Values } from "./testing.ts";
import { encode, stateLookup, vitFeature } from "./vit.ts";

const BATCH = 2;
const targets = loraTargets.filter((target) => target !== "qkv");
const images = noise([BATCH, tinyConfig.channels, tinyConfig.image, tinyConfig.image]);
const weights = perturb(initBackbone(tinyConfig, createRng(0, "vit")), 0.3, "weights");
const fresh = createAdapter(tinyConfig, { rank: 2, scale: 0.5, targets }, createRng(0, "adapter"));
const trained = perturb(adapterToTensors(fresh), 0.3, "adapter");

function buildFeature(graph: Graph, config: ViTConfig, adapters: readonly NamedTensors[] = []) {
  const branches = adapters.map((tensors, i) =>
    branchFromTensors(
      Object.fromEntries(
        Object.entries(tensors).map(([name, { shape }]) => [name, graph.state(`${i} ${name}`, shape)]),
      ),
      fresh.scale,
    )
  );
  return vitFeature(config, stateLookup(graph, config), graph.state("images", images.shape), branches);
}

function statesOf(adapters: readonly NamedTensors[]): Record<string, HostTensor> {
  const named = adapters.flatMap((tensors, i) =>
    Object.entries(tensors).map(([name, tensor]) => [`${i} ${name}`, tensor] as const)
  );
  return { ...weights, images, ...Object.fromEntries(named) };
}

async function feature(config: ViTConfig, adapters: readonly NamedTensors[] = []): Promise<Float64Array> {
  const states = statesOf(adapters);
  return (await evaluate((graph) => ({ y: buildFeature(graph, config, adapters) }), states))["y"]!;
}

const variants: readonly (readonly [string, ViTConfig])[] = [
  ["pre-norm, gelu", tinyConfig],
  ["pre-norm, gelu-tanh", { ...tinyConfig, activation: "gelu-tanh" }],
  ["post-norm, relu", { ...tinyConfig, norm: "post", activation: "relu" }],
  ["post-norm, gelu, one block", { ...tinyConfig, norm: "post", depth: 1 }],
  ["post-norm without a final norm", { ...tinyConfig, norm: "post", finalNorm: false }],
  ["a layered feature", { ...tinyConfig, pool: "token-and-layers" }],
];

/** A tensor moved by `step` along a direction, in float64. */
function moved({ shape, data }: HostTensor, direction: HostTensor, step: number): Values {
  return { shape, data: Float64Array.from(data, (value, i) => value + step * direction.data[i]!) };
}

for (const [name, config] of variants) {
  Deno.test(`vitFeature() has the derivative that differences show: ${name}`, async () => {
    const specs = [...backboneTensors(config).map((spec) => spec.name), "images"];
    const adapters = [
      Object.fromEntries(
        Object.entries(trained).filter(([tensor]) => !tensor.startsWith(`lora.${config.depth}.`)),
      ),
    ];
    const all = statesOf(adapters);
    const names = [...specs, ...Object.keys(all).filter((state) => state.startsWith("0 "))];
    const states = Object.fromEntries(names.map((state) => [state, all[state]!]));
    const seed = noise([BATCH, featureWidth(config)], createRng(1, "seed"));
    const loss = (graph: Graph) =>
      sum(mul(buildFeature(graph, config, adapters), graph.constant(seed.data, seed.shape)));
    const slopes = await evaluate((graph) => {
      const found = gradients(
        loss(graph),
        names.map((state) => graph.state(state, states[state]!.shape)),
      );
      return Object.fromEntries(names.map((state, i) => [state, found[i]!]));
    }, states);
    for (const state of names) {
      const direction = noise(states[state]!.shape, createRng(2, state));
      const at = async (step: number) => {
        const there = { ...states, [state]: moved(states[state]!, direction, step) };
        return (await evaluate((graph) => ({ loss: loss(graph) }), there))["loss"]![0]!;
      };
      const measured = (await at(1e-5) - await at(-1e-5)) / 2e-5;
      const expected = slopes[state]!.reduce((total, slope, i) => total + slope * direction.data[i]!, 0);
      const size = Math.hypot(...slopes[state]!) * Math.hypot(...direction.data);
      assert.ok(
        Math.abs(measured - expected) <= 1e-3 * Math.max(size, 1e-3),
        `${state}: ${measured}, ${expected}`,
      );
    }
  });
}

Deno.test("vitFeature() differs between its variants", async () => {
  const features = await Promise.all(variants.slice(0, 3).map(([, config]) => feature(config)));
  assert.ok(distance(features[0]!, features[1]!) > 1e-6);
  assert.ok(distance(features[0]!, features[2]!) > 1e-2);
});

Deno.test("a layered feature is the class token beside the patch means of the last layers", async () => {
  const deep = { ...tinyConfig, depth: 2 };
  const width = deep.width;
  const layered = await feature({ ...deep, pool: "token-and-layers" });
  assert.equal(layered.length, BATCH * featureWidth({ ...deep, pool: "token-and-layers" }));
  const part = (i: number) =>
    Float64Array.from(
      { length: BATCH * width },
      (_, at) => layered[Math.floor(at / width) * 3 * width + i * width + at % width]!,
    );
  assert.ok(distance(part(0), await feature(deep)) < 1e-12);
  assert.ok(distance(part(2), await feature({ ...deep, pool: "mean" })) < 1e-12);
  const { read } = await evaluate((graph) => {
    const lookup = stateLookup(graph, deep);
    const encoded = encode(deep, lookup, graph.state("images", images.shape));
    const patches = tokenCount(deep) - 1;
    return { read: mean(narrow(encoded.input("1.q"), 1, 1, patches), { axes: [1] }) };
  }, statesOf([]));
  assert.ok(distance(part(1), read!) < 1e-12);
});

Deno.test("vitFeature() computes a sample alone as in a batch", async () => {
  const batch = await feature(tinyConfig);
  const size = images.data.length / BATCH;
  const { y } = await evaluate((graph) => ({
    y: vitFeature(
      tinyConfig,
      stateLookup(graph, tinyConfig),
      graph.state("images", [1, ...images.shape.slice(1)]),
    ),
  }), { ...weights, images: hostTensor([1, ...images.shape.slice(1)], images.data.slice(size)) });
  assert.ok(distance(y!, batch.slice(tinyConfig.width)) < 1e-12);
});

Deno.test("vitFeature() is unchanged by fresh adapters, whose B is zero", async () => {
  const untouched = adapterToTensors(fresh);
  assert.deepEqual(await feature(tinyConfig, [untouched]), await feature(tinyConfig));
  assert.ok(distance(await feature(tinyConfig, [trained]), await feature(tinyConfig)) > 1e-3);
  const both = await feature(tinyConfig, [trained, untouched]);
  assert.ok(distance(both, await feature(tinyConfig, [trained])) < 1e-12);
});

Deno.test("vitFeature() takes one adapter of half the importance twice as the adapter once", async () => {
  const half = {
    ...trained,
    "lora.importance": hostTensor([1], trained["lora.importance"]!.data.map((v) => v / 2)),
  };
  assert.ok(distance(await feature(tinyConfig, [half, half]), await feature(tinyConfig, [trained])) < 1e-12);
});

Deno.test("vitFeature() refuses sites that the backbone lacks", () => {
  const graph = new Graph();
  const pair = { a: graph.state("a", [1, 6]), b: graph.state("b", [6, 1]) };
  const build = (site: string) => () =>
    vitFeature(tinyConfig, stateLookup(graph, tinyConfig), graph.state("images", images.shape), [
      { pairs: { [site]: pair }, gain: graph.fill(1) },
    ]);
  assert.throws(build("2.q"), /site "2.q"/);
  assert.throws(build("0.key"), /site "0.key"/);
  assert.throws(build("q"), /site "q"/);
  assert.doesNotThrow(build("1.q"));
});

Deno.test("stateLookup() knows the backbone's names only", () => {
  const lookup = stateLookup(new Graph(), tinyConfig);
  assert.deepEqual(lookup("blocks.1.mlp.fc2.weight").shape, [6, 5]);
  assert.throws(() => lookup("head.weight"), RangeError);
});
