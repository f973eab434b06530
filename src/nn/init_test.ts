import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { backboneTensors, type ViTConfig } from "./config.ts";
import { initBackbone, initHead } from "./init.ts";
import { tinyConfig } from "./testing.ts";

const config: ViTConfig = { ...tinyConfig, width: 64, mlp: 128, heads: 4 };
const weights = initBackbone(config, createRng(3, "init"));

function deviation(values: Float32Array): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

Deno.test("initBackbone() gives every tensor of the backbone its shape and distribution", () => {
  const shapes = Object.entries(weights).map(([name, { shape }]) => ({ name, shape }));
  assert.deepEqual(shapes, backboneTensors(config));
  const data = (name: string) => weights[name]!.data;
  assert.ok(Math.abs(deviation(data("blocks.0.attn.qkv.weight")) / 0.02 - 1) < 0.03);
  assert.ok(Math.abs(deviation(data("pos_embed")) / 0.02 - 1) < 0.15);
  assert.ok(data("cls_token").every((value) => Math.abs(value) < 1e-5));
  const bound = 1 / Math.sqrt(8);
  assert.ok(data("patch_embed.proj.weight").every((value) => Math.abs(value) <= bound));
  assert.ok(Math.max(...data("patch_embed.proj.weight")) > 0.9 * bound);
  assert.ok(data("blocks.1.norm2.weight").every((value) => value === 1));
  assert.ok(data("norm.weight").every((value) => value === 1));
  for (const name of ["blocks.1.norm2.bias", "blocks.0.mlp.fc1.bias", "norm.bias"]) {
    assert.ok(data(name).every((value) => value === 0), name);
  }
});

Deno.test("initBackbone() repeats itself for a seed, whatever the depth", () => {
  assert.deepEqual(initBackbone(config, createRng(3, "init")), weights);
  const deeper = initBackbone({ ...config, depth: 3 }, createRng(3, "init"));
  assert.deepEqual(deeper["blocks.1.mlp.fc1.weight"], weights["blocks.1.mlp.fc1.weight"]);
  const other = initBackbone(config, createRng(4, "init"));
  assert.notDeepEqual(other["pos_embed"], weights["pos_embed"]);
  assert.notDeepEqual(weights["blocks.0.mlp.fc1.weight"], weights["blocks.1.mlp.fc1.weight"]);
});

Deno.test("initHead() gives small weights and no bias", () => {
  const { weight, bias } = initHead(50, 64, createRng(0, "head"));
  assert.ok(Math.abs(deviation(weight.data) / 0.02 - 1) < 0.05);
  assert.deepEqual([...bias.data], new Array(50).fill(0));
});
