import assert from "node:assert/strict";
import { largeModels } from "./large_step.ts";
import { cellBytes, cellsInMemory, freeMemory } from "./memory.ts";

const GIB = 2 ** 30;

Deno.test("cellBytes() is near what was measured for ViT-B/16, and small for small models", () => {
  const measured = 5.39 * GIB;
  const found = cellBytes(largeModels["vit-b16"], 8);
  assert.ok(Math.abs(found - measured) < 0.1 * measured, `${found / GIB} GiB`);
  const tiny = { ...largeModels["vit-b16"], image: 32, patch: 8, width: 128, depth: 4, heads: 4, mlp: 512 };
  assert.ok(cellBytes(tiny, 32) < 0.5 * GIB);
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
