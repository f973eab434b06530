import assert from "node:assert/strict";
import { concat } from "./concat.ts";
import { compress } from "./compress.ts";
import { composeDelta } from "./delta.ts";
import { resize } from "./resize.ts";
import { deltaError, randomAdapter, zeroAdapter } from "./test_adapters.ts";

const fresh = { ...zeroAdapter("fresh", 3), scale: 4 };

Deno.test("resize() gives the shape and scale of the fresh adapter and keeps ΔW where the rank suffices", () => {
  for (const rank of [1, 2, 3]) {
    const adapter = randomAdapter("a", { rank, scale: 2, importance: -0.5 });
    const resized = resize(adapter, fresh);
    assert.deepEqual([resized.scale, resized.importance], [4, 1]);
    assert.ok(deltaError(resized, (site) => composeDelta(adapter, site)) < 1e-6);
    for (const [site, { a, b }] of Object.entries(resized.pairs)) {
      assert.deepEqual([a.shape, b.shape], [fresh.pairs[site]!.a.shape, fresh.pairs[site]!.b.shape]);
      // New components keep a random A: with zeros in both factors they could not train.
      assert.deepEqual(a.data.slice(rank * a.shape[1]!), fresh.pairs[site]!.a.data.slice(rank * a.shape[1]!));
    }
  }
});

Deno.test("resize() cuts a larger rank by the best fit", () => {
  const adapter = concat(["a", "b", "c"].map((label) => randomAdapter(label)));
  const best = compress(adapter, 3);
  assert.ok(deltaError(resize(adapter, fresh), (site) => composeDelta(best, site)) < 1e-5);
});
