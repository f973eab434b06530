import assert from "node:assert/strict";
import { largeModels } from "../lab/large_step.ts";
import { cellBytes, cellsInMemory, freeMemory } from "./memory.ts";

const GIB = 2 ** 30;
const none = { images: new Uint8Array(), labels: new Int32Array(), count: 0 };
const noData = { train: none, test: none };

Deno.test("cellBytes() is near what was measured for ViT-B/16, and small for small models", () => {
  const measured = 5.39 * GIB;
  const found = cellBytes(largeModels["vit-b16"], 8, noData);
  assert.ok(Math.abs(found - measured) < 0.1 * measured, `${found / GIB} GiB`);
  const tiny = { ...largeModels["vit-b16"], image: 32, patch: 8, width: 128, depth: 4, heads: 4, mlp: 512 };
  const small = cellBytes(tiny, 32, noData);
  assert.ok(small < 0.5 * GIB);
  const some = { ...none, images: new Uint8Array(1000) };
  assert.equal(cellBytes(tiny, 32, { train: some, test: some }), small + 2000);
});

Deno.test("cellsInMemory() leaves some memory free and never gives none", () => {
  assert.equal(cellsInMemory(2 * GIB, 10 * GIB), 4);
  assert.equal(cellsInMemory(20 * GIB, 10 * GIB), 1);
  assert.equal(cellsInMemory(2 * GIB, undefined), Infinity);
});

Deno.test({
  name: "freeMemory() is unknown without the permission to ask",
  permissions: "none",
  fn: () => assert.equal(freeMemory(), undefined),
});
