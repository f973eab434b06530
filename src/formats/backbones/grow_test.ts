import assert from "node:assert/strict";
import type { ViTConfig } from "../../nn/mod.ts";
import { evaluate } from "../../nn/testing.ts";
import { vitFeature } from "../../nn/vit.ts";
import { grownWeights } from "./grow.ts";
import { randomBackbone, tinyViT } from "./test_models.ts";

const config = tinyViT;
const old = randomBackbone();

/** The feature of one image. */
async function featureOf({ config, weights }: Pick<typeof old, "config" | "weights">, images: Float32Array) {
  const { feature } = await evaluate(
    (graph) => {
      const input = graph.input("images", [1, config.channels, config.image, config.image]);
      const weightOf = (name: string) => graph.constant(weights[name]!.data, weights[name]!.shape);
      return { feature: vitFeature(config, weightOf, input) };
    },
    {},
    { images },
  );
  return [...feature!];
}

Deno.test("grownWeights() computes at first what the old backbone does of the image enlarged", async () => {
  const grown = { ...config, patch: 2, depth: 3, image: 4 };
  const small = Float32Array.from({ length: 3 * 16 }, (_, i) => Math.sin(i));
  const large = Float32Array.from({ length: 3 * 64 }, (_, i) => {
    const [x, y, c] = [i % 8, Math.floor(i / 8) % 8, Math.floor(i / 64)];
    return small[(c * 4 + Math.floor(y / 2)) * 4 + Math.floor(x / 2)]!;
  });
  const found = await featureOf({ config: grown, weights: grownWeights(old, grown, 1) }, small);
  const wanted = await featureOf(old, large);
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-6, `${i}: ${value}, ${wanted[i]}`));
});

Deno.test("grownWeights() has new blocks that can learn, decided by the seed, and keeps the old ones", () => {
  const grown = { ...config, patch: 2, depth: 3 };
  const [one, again, other] = [1, 1, 2].map((seed) => grownWeights(old, grown, seed));
  assert.deepEqual(one, again);
  assert.notDeepEqual(one!["blocks.2.attn.qkv.weight"], other!["blocks.2.attn.qkv.weight"]);
  assert.ok(one!["blocks.2.mlp.fc1.weight"]!.data.some((value) => value !== 0));
  assert.equal(one!["blocks.1.mlp.fc1.weight"], old.weights["blocks.1.mlp.fc1.weight"]);
  assert.deepEqual(one!["pos_embed"]!.shape, [1, 17, 8]);
});

Deno.test("grownWeights() refuses what it cannot grow", () => {
  const refused = (change: Partial<ViTConfig>, message: RegExp) =>
    assert.throws(() => grownWeights(old, { ...config, ...change }, 1), message);
  refused({ patch: 8 }, /found patches of 4 pixels, wanted a multiple of 8/);
  refused({ depth: 1 }, /found 2 blocks, wanted at most 1/);
  refused({ pool: "mean" }, /found pool undefined, wanted mean/);
});
