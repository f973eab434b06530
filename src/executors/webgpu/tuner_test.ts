import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import type { DeviceDescription } from "./device.ts";
import { type TunerCache, TuningTable } from "./tuner.ts";

function adapter(description: string): DeviceDescription {
  return { vendor: "acme", architecture: "v1", description } as DeviceDescription;
}

function memoryCache(text?: string): TunerCache & { text: string | undefined } {
  return {
    text,
    load() {
      return this.text;
    },
    save(saved) {
      this.text = saved;
    },
  };
}

Deno.test("TuningTable.settle() keeps the first variant unless another is clearly faster", () => {
  const table = new TuningTable(adapter("one"));
  assert.equal(table.variant("matmul", "64"), undefined);
  assert.equal(table.settle("matmul", "64", new Map([["tiled", 1], ["plain", 0.97]])), "tiled");
  assert.equal(
    table.settle("matmul", "128", new Map([["tiled", 1], ["plain", 0.9], ["split", 0.5]])),
    "split",
  );
  assert.equal(table.variant("matmul", "64"), "tiled");
  assert.equal(table.variant("matmul", "128"), "split");
});

Deno.test("TuningTable keeps choices of each adapter in the cache, and those that others have saved since", () => {
  const cache = memoryCache();
  const one = new TuningTable(adapter("one"), cache);
  const two = new TuningTable(adapter("two"), cache);
  one.settle("reduce", "a", new Map([["x", 2], ["y", 1]]));
  two.settle("reduce", "a", new Map([["x", 1], ["y", 2]]));
  one.settle("reduce", "b", new Map([["x", 1]]));
  assert.equal(new TuningTable(adapter("one"), cache).variant("reduce", "a"), "y");
  assert.equal(new TuningTable(adapter("one"), cache).variant("reduce", "b"), "x");
  assert.equal(new TuningTable(adapter("two"), cache).variant("reduce", "a"), "x");
  assert.equal(new TuningTable(adapter("two"), cache).variant("reduce", "b"), undefined);
});

Deno.test("TuningTable refuses a cache that is not its own, and forgets another edition", () => {
  for (const text of ["{", "[]", '{"edition":1}']) {
    assert.throws(() => new TuningTable(adapter("one"), memoryCache(text)), InputError);
  }
  const old = memoryCache(
    '{"edition":0,"adapters":{"acme/v1/one":{"f c":{"variant":"v","seconds":{"v":1}}}}}',
  );
  assert.equal(new TuningTable(adapter("one"), old).variant("f", "c"), undefined);
});
