import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { createBackbone } from "./backbone.ts";
import { initBackbone, initHead } from "./init.ts";
import { tinyConfig } from "./testing.ts";

const weights = initBackbone(tinyConfig, createRng(0, "backbone"));
const head = initHead(3, tinyConfig.width, createRng(0, "head"));
const parts = { id: "tiny", config: tinyConfig, weights, pixels: { mean: [0, 0.5], std: [1, 0.5] }, head };

Deno.test("createBackbone() pins the hash of a backbone", () => {
  const ones = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [name, hostTensor(shape, data.map(() => 1))]),
  );
  const { hash } = createBackbone({ id: "ones", config: tinyConfig, weights: ones, pixels: parts.pixels });
  // A change here makes old records unverifiable.
  assert.equal(hash, "79b07705ce8f93f34b20bf0b531be2d38548ed9f00b68492bec1c013cb1a254a");
});

Deno.test("createBackbone() hashes content, not the id, the order or tensors it does not know", () => {
  const { hash } = createBackbone(parts);
  const reversed = Object.fromEntries(Object.entries({ ...weights, extra: hostTensor([1]) }).reverse());
  const same = createBackbone({ ...parts, id: "other", weights: reversed });
  assert.equal(same.hash, hash);
  assert.ok(!("extra" in same.weights));
  const { head: _, ...headless } = parts;
  const others = [
    createBackbone(headless),
    createBackbone({ ...parts, config: { ...tinyConfig, norm: "post" } }),
    createBackbone({ ...parts, pixels: { mean: [0, 0], std: [1, 1] } }),
    createBackbone({ ...parts, weights: { ...weights, cls_token: hostTensor([1, 1, 6]) } }),
  ].map((backbone) => backbone.hash);
  assert.equal(new Set([hash, ...others]).size, 5);
});

Deno.test("createBackbone() names what does not fit", () => {
  const { "norm.bias": _, ...fewer } = weights;
  assert.throws(
    () => createBackbone({ ...parts, weights: fewer }),
    /found nothing for "norm.bias", wanted \[6\]/,
  );
  const wrong = { ...weights, cls_token: hostTensor([6]) };
  assert.throws(() => createBackbone({ ...parts, weights: wrong }), /found \[6\] for "cls_token"/);
  const badHead = { weight: hostTensor([3, 5]), bias: hostTensor([3]) };
  assert.throws(
    () => createBackbone({ ...parts, head: badHead }),
    /\[3,5\] for "head.weight", wanted \[3,6\]/,
  );
  assert.throws(() => createBackbone({ ...parts, pixels: { mean: [0], std: [1, 1] } }), /pixel mean \[0\]/);
  assert.throws(
    () => createBackbone({ ...parts, pixels: { mean: [0, 0], std: [1, 0] } }),
    /pixel std \[1,0\]/,
  );
});
