import assert from "node:assert/strict";
import { hostTensor } from "../core/tensors.ts";
import type { Adapter } from "../nn/adapter.ts";
import { frozenStack } from "./frozen_branches.ts";
import { tinyConfig } from "./test_kit.ts";

const run = {
  config: { ...tinyConfig, width: 2, depth: 1, heads: 1 },
  lora: { rank: 1, scale: 1, targets: ["q"] },
} as const;

/** Rank and values of A [rank, 2] and B [2, rank] at the only site. */
function adapterOf(rank: number, a: number[], b: number[], gain: Partial<Adapter> = {}): Adapter {
  const pair = {
    a: hostTensor([rank, 2], Float32Array.from(a)),
    b: hostTensor([2, rank], Float32Array.from(b)),
  };
  return { scale: 1, importance: 1, pairs: { "0.q": pair }, ...gain };
}

const slots = { slots: 2, rank: 2, trainGains: false } as const;

Deno.test("frozenStack() lays factors side by side, absorbs scale and importance in B and fills up with zeros", () => {
  const adapters = [
    adapterOf(1, [1, 2], [3, 4], { scale: 2, importance: 0.5 }),
    adapterOf(2, [5, 6, 7, 8], [1, 2, 3, 4], { scale: 10 }),
  ];
  const { factors: packed } = frozenStack({ ...slots, adapters, gains: [1, 1] }, run);
  assert.deepEqual(Object.keys(packed), ["frozen.lora.0.q.A", "frozen.lora.0.q.B"]);
  assert.deepEqual(packed["frozen.lora.0.q.A"]!.shape, [4, 2]);
  assert.deepEqual([...packed["frozen.lora.0.q.A"]!.data], [1, 2, 0, 0, 5, 6, 7, 8]);
  assert.deepEqual(packed["frozen.lora.0.q.B"]!.shape, [2, 4]);
  assert.deepEqual([...packed["frozen.lora.0.q.B"]!.data], [3, 0, 10, 20, 4, 0, 30, 40]);
});

Deno.test("frozenStack() leaves an empty slot and a missing site zero", () => {
  const bare = { scale: 1, importance: 1, pairs: {} };
  const { factors: packed } = frozenStack({ ...slots, adapters: [bare], gains: [1] }, run);
  for (const { data } of Object.values(packed)) assert.ok(data.every((value) => value === 0));
});

Deno.test("frozenStack() refuses what does not fit", () => {
  const one = adapterOf(1, [1, 2], [3, 4]);
  const pack = (adapters: Adapter[], gains: number[]) => () =>
    frozenStack({ ...slots, adapters, gains }, run);
  assert.throws(pack([one, one, one], [1, 1, 1]), /Cannot freeze 3 adapters with 3 gains: wanted at most 2/);
  assert.throws(pack([one], []), RangeError);
  const wide = adapterOf(3, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]);
  assert.throws(pack([wide], [1]), /Cannot freeze an adapter of rank 3 at 0.q: wanted at most 2/);
});
