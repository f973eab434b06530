import assert from "node:assert/strict";
import { InvalidArgumentError } from "commander";
import { createRng } from "../../src/core/mod.ts";
import { parseShard, shardOf } from "./shard.ts";

Deno.test("parseShard() reads a part of a whole, and nothing else", () => {
  assert.deepEqual(parseShard("1/1"), { index: 1, count: 1 });
  assert.deepEqual(parseShard("12/100"), { index: 12, count: 100 });
  for (
    const text of [
      "",
      "1",
      "/",
      "0/3",
      "4/3",
      "1/0",
      "-1/3",
      "1.5/3",
      "1/3/5",
      " 1/3",
      "a/b",
      "1/1e9",
      "1/1" + "0".repeat(400),
    ]
  ) {
    assert.throws(() => parseShard(text), InvalidArgumentError, text);
  }
});

const partsOf = (weights: readonly number[], count: number) =>
  Array.from(
    { length: count },
    (_, i) =>
      shardOf(weights.map((weight, place) => ({ weight, place })), ({ weight }) => weight, {
        index: i + 1,
        count,
      }),
  );

const heaviestOf = (parts: readonly (readonly { readonly weight: number }[])[]) =>
  Math.max(...parts.map((part) => part.reduce((sum, { weight }) => sum + weight, 0)));

Deno.test("shardOf() has every item in one part, in the order of the items", () => {
  const rng = createRng(0, "shards");
  for (let round = 0; round < 200; round++) {
    const weights = Array.from({ length: 1 + rng.integer(60) }, () => Math.exp(3 * rng.normal()));
    const parts = partsOf(weights, 1 + rng.integer(70));
    for (const part of parts) assert.deepEqual(part, part.toSorted((a, b) => a.place - b.place));
    assert.deepEqual(parts.flat().map(({ place }) => place).sort((a, b) => a - b), weights.map((_, i) => i));
  }
});

Deno.test("shardOf() has no part heavier than 4/3 of the best division's heaviest", () => {
  const rng = createRng(0, "balance");
  for (let round = 0; round < 100; round++) {
    const weights = Array.from({ length: 1 + rng.integer(8) }, () => Math.exp(rng.normal()));
    const count = 1 + rng.integer(4);
    const heaviest = heaviestOf(partsOf(weights, count));
    assert.ok(heaviest <= bestOf(weights, count) * (4 / 3 + 1e-12), `${weights} in ${count}`);
  }
});

/** The heaviest part of the best division, by trying all. */
function bestOf(weights: readonly number[], count: number): number {
  const sums = new Array<number>(count).fill(0);
  const place = (i: number): number => {
    if (i === weights.length) return Math.max(...sums);
    let best = Infinity;
    for (let part = 0; part < count; part++) {
      sums[part]! += weights[i]!;
      best = Math.min(best, place(i + 1));
      sums[part]! -= weights[i]!;
      if (sums[part] === 0) break;
    }
    return best;
  };
  return place(0);
}

Deno.test("shardOf() deals out equal items evenly, and leaves parts beyond the items empty", () => {
  assert.deepEqual(partsOf(new Array(10).fill(5), 4).map((part) => part.length), [3, 3, 2, 2]);
  assert.deepEqual(partsOf(new Array(6).fill(0), 4).map((part) => part.length), [2, 2, 1, 1]);
  assert.deepEqual(partsOf([1, 2], 4).map((part) => part.length), [1, 1, 0, 0]);
  assert.deepEqual(partsOf([], 2), [[], []]);
});
