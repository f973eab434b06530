import assert from "node:assert/strict";
import { createRng, hash32, hashToUnit } from "./rng.ts";

// Pinned: these values are part of what "same seed, same numbers" means. A change makes every record unrepeatable.
Deno.test("createRng() gives pinned values", () => {
  const rng = createRng(7, "order");
  assert.deepEqual([rng.uniform(), rng.uniform()], [0.6616029979984074, 0.5681602746005918]);
  assert.deepEqual([rng.integer(10), rng.integer(1000)], [5, 993]);
  const normals = [rng.normal(), rng.normal(), rng.normal()];
  const wanted = [-0.6900608243426849, 2.1560715077206436, -0.36270106358401655];
  // Logarithm and sine may differ in the last bit between versions of the engine.
  normals.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]!) < 1e-14, `normal ${i} is ${value}`));
  assert.deepEqual(rng.shuffle([0, 1, 2, 3, 4, 5, 6, 7]), [1, 0, 2, 3, 7, 4, 6, 5]);
  assert.equal(rng.stream("a").uniform(), 0.8927724889586596);
  assert.equal(createRng("x", "y").uniform(), 0.9158577517211429);
});

Deno.test("createRng() repeats itself, and differs by seed and by label", () => {
  const draws = (seed: number | string, label: string) => {
    const rng = createRng(seed, label);
    return Array.from({ length: 5 }, () => rng.uniform());
  };
  assert.deepEqual(draws(1, "a"), draws(1, "a"));
  assert.notDeepEqual(draws(1, "a"), draws(2, "a"));
  assert.notDeepEqual(draws(1, "a"), draws(1, "b"));
});

Deno.test("stream() does not depend on what was drawn, nor disturbs what will be", () => {
  const [fresh, used] = [createRng(1, "a"), createRng(1, "a")];
  used.uniform();
  used.normal();
  assert.equal(fresh.stream("b").uniform(), used.stream("b").uniform());
  const [alone, parent] = [createRng(1, "a"), createRng(1, "a")];
  parent.stream("b").uniform();
  assert.equal(alone.uniform(), parent.uniform());
});

Deno.test("uniform() and integer() are evenly spread over their range", () => {
  const rng = createRng(3, "spread");
  const counts = new Array<number>(10).fill(0);
  const n = 20_000;
  let total = 0;
  for (let i = 0; i < n; i++) {
    const x = rng.uniform();
    assert.ok(x >= 0 && x < 1);
    total += x;
    counts[rng.integer(10)]!++;
  }
  assert.ok(Math.abs(total / n - 0.5) < 0.01, `mean ${total / n}`);
  for (const count of counts) assert.ok(Math.abs(count / n - 0.1) < 0.01, `counts ${counts}`);
});

Deno.test("normal() has mean 0, variance 1 and normal tails", () => {
  const rng = createRng(4, "normal");
  const n = 20_000;
  const values = Array.from({ length: n }, () => rng.normal());
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + x * x, 0) / n;
  const tail = values.filter((x) => Math.abs(x) > 1.959964).length / n;
  assert.ok(Math.abs(mean) < 0.03, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 0.04, `variance ${variance}`);
  assert.ok(Math.abs(tail - 0.05) < 0.006, `tail ${tail}`);
});

Deno.test("shuffle() permutes a copy, each element anywhere", () => {
  const rng = createRng(5, "shuffle");
  const items = Object.freeze([0, 1, 2, 3]);
  const counts = new Map<string, number>();
  for (let i = 0; i < 4800; i++) {
    const key = rng.shuffle(items).join("");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  for (const [order, count] of counts) assert.ok(Math.abs(count - 200) < 70, `${order} came ${count} times`);
  assert.deepEqual(rng.shuffle([]), []);
});

Deno.test("integer() refuses a bound that is not a positive integer", () => {
  for (const bound of [0, -1, 1.5, NaN]) {
    assert.throws(
      () => createRng(1, "a").integer(bound),
      /Cannot draw an integer below .*: the bound must be/,
    );
  }
});

Deno.test("hash32() gives pinned values", () => {
  const inputs = [[0, 0], [0, 1], [1, 0], [7, 3], [0xffffffff, 0xffffffff], [123456789, 65536]] as const;
  const wanted = [817759070, 3911864714, 1583546800, 1201941248, 84801872, 2562567923];
  assert.deepEqual(inputs.map(([seed, counter]) => hash32(seed, counter)), wanted);
});

Deno.test("hash32() is PCG's output permutation twice, in exact integers", () => {
  const mask = 0xffffffffn;
  const pcg = (input: bigint) => {
    const state = (input * 747796405n + 2891336453n) & mask;
    const word = (((state >> ((state >> 28n) + 4n)) ^ state) * 277803737n) & mask;
    return (word >> 22n) ^ word;
  };
  const rng = createRng(6, "hash");
  for (let i = 0; i < 200; i++) {
    const [seed, counter] = [rng.integer(2 ** 32), rng.integer(2 ** 32)];
    assert.equal(hash32(seed, counter), Number(pcg((pcg(BigInt(counter)) + BigInt(seed)) & mask)));
  }
});

Deno.test("hashToUnit() keeps 24 bits, so that float32 holds it and it stays below 1", () => {
  assert.deepEqual([hashToUnit(0), hashToUnit(255), hashToUnit(256)], [0, 0, 2 ** -24]);
  const largest = hashToUnit(0xffffffff);
  assert.equal(largest, 1 - 2 ** -24);
  assert.equal(Math.fround(largest), largest);
});
