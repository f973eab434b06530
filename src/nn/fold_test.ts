import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { type Adapter, adapterFromTensors, adapterToTensors, createAdapter } from "./adapter.ts";
import { type LoraTarget } from "./sites.ts";
import { foldAdapter, foldedNames } from "./fold.ts";
import { initBackbone } from "./init.ts";
import { branchFromTensors } from "./lora.ts";
import { distance, evaluate, noise, perturb, tinyConfig } from "./testing.ts";
import { stateLookup, vitFeature } from "./vit.ts";

const images = noise([2, tinyConfig.channels, tinyConfig.image, tinyConfig.image]);
const weights = perturb(initBackbone(tinyConfig, createRng(0, "fold")), 0.3, "weights");

function adapter(targets: readonly LoraTarget[]): Adapter {
  const fresh = createAdapter(tinyConfig, { rank: 2, scale: 0.5, targets }, createRng(0, "adapter"));
  return adapterFromTensors(perturb(adapterToTensors(fresh), 0.3, targets.join()), fresh.scale);
}

for (const targets of [["q", "v"], ["k", "proj", "fc1", "fc2"], ["qkv"]] as const) {
  Deno.test(`foldAdapter() gives the feature of the branch: ${targets.join(", ")}`, async () => {
    const one = adapter(targets);
    const tensors = adapterToTensors(one);
    const { branch, plain } = await evaluate((graph) => {
      const input = graph.state("images", images.shape);
      const lookup = stateLookup(graph, tinyConfig);
      const states = Object.entries(tensors).map(([name, { shape }]) =>
        [name, graph.state(name, shape)] as const
      );
      return {
        branch: vitFeature(tinyConfig, lookup, input, [
          branchFromTensors(Object.fromEntries(states), one.scale),
        ]),
        plain: vitFeature(tinyConfig, lookup, input),
      };
    }, { ...weights, ...tensors, images });
    const folded = foldAdapter(tinyConfig, weights, one);
    const { y } = await evaluate(
      (graph) => ({
        y: vitFeature(tinyConfig, stateLookup(graph, tinyConfig), graph.state("images", images.shape)),
      }),
      { ...folded, images },
    );
    assert.ok(distance(y!, branch!) < 1e-5);
    assert.ok(distance(plain!, branch!) > 1e-2);
  });
}

Deno.test("foldAdapter() replaces the tensors of foldedNames() and shares the others", () => {
  const one = adapter(["q", "v", "fc2"]);
  const names = foldedNames(tinyConfig, one);
  assert.deepEqual([...names].sort(), [
    "blocks.0.attn.qkv.weight",
    "blocks.0.mlp.fc2.weight",
    "blocks.1.attn.qkv.weight",
    "blocks.1.mlp.fc2.weight",
  ]);
  const folded = foldAdapter(tinyConfig, weights, one);
  assert.deepEqual(Object.keys(folded), Object.keys(weights));
  for (const [name, tensor] of Object.entries(folded)) {
    assert.equal(tensor === weights[name], !names.includes(name), name);
  }
});

Deno.test("foldAdapter() touches the rows of its sites only, and forgives nothing", () => {
  const one = adapter(["k"]);
  const folded = foldAdapter(tinyConfig, weights, one)["blocks.0.attn.qkv.weight"]!;
  const width = tinyConfig.width;
  folded.data.forEach((value, i) => {
    const changed = value !== weights["blocks.0.attn.qkv.weight"]!.data[i];
    assert.equal(changed, i >= width * width && i < 2 * width * width);
  });
  const a = one.pairs["0.k"]!.a;
  const bad = (pairs: Adapter["pairs"]) => () => foldAdapter(tinyConfig, weights, { ...one, pairs });
  assert.throws(bad({ "7.k": one.pairs["0.k"]! }), /no site "7.k"/);
  assert.throws(bad({ "0.k": { a, b: hostTensor([5, 2]) } }), /found A \[2,6\] and B \[5,2\]/);
});
