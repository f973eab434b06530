import assert from "node:assert/strict";
import { hostTensor } from "../core/tensors.ts";
import type { Adapter } from "../nn/adapter.ts";
import { compress } from "./compress.ts";
import { average, concat } from "./concat.ts";
import { commonSites, composeDelta, gainOf, rankOf } from "./delta.ts";
import { absorbGain, balanceFactors, scaleAdapter } from "./scale.ts";
import { deltaError, norm, randomAdapter, weightedDelta, zeroAdapter } from "./test_adapters.ts";

/** One rounding of a factor to float32 and back. */
const ROUNDING = 1e-6;

const same = (adapter: Adapter) => (site: string) => composeDelta(adapter, site);
const near = (found: Adapter, wanted: (site: string) => ArrayLike<number>, tolerance = ROUNDING) => {
  const error = deltaError(found, wanted);
  assert.ok(error <= tolerance, `ΔW is ${error} off, wanted at most ${tolerance}`);
};

Deno.test("composeDelta() multiplies B A by scale and importance once", () => {
  const pair = { a: hostTensor([1, 2], Float32Array.of(3, 5)), b: hostTensor([2, 1], Float32Array.of(1, 2)) };
  const adapter: Adapter = { scale: 2, importance: 0.5, pairs: { "0.q": pair } };
  assert.deepEqual([...composeDelta(adapter, "0.q")], [3, 5, 6, 10]);
  assert.deepEqual([...composeDelta({ ...adapter, importance: -1.5 }, "0.q")], [-9, -15, -18, -30]);
});

Deno.test("concat() of one adapter is that adapter, whatever its scale and importance", () => {
  for (const options of [{}, { scale: 4, importance: 0.3 }, { importance: -2 }]) {
    const adapter = randomAdapter("one", options);
    near(concat([adapter]), same(adapter));
    assert.equal(gainOf(concat([adapter])), 1);
  }
});

Deno.test("concat() is the weighted sum, for mixed ranks, gains and negative weights", () => {
  const adapters = [
    randomAdapter("a", { rank: 1, scale: 3 }),
    randomAdapter("b", { rank: 4, importance: 0.2 }),
    randomAdapter("c", { rank: 2, importance: -1 }),
  ];
  const weights = [0.5, -2, 1.25];
  const sum = concat(adapters, weights);
  near(sum, (site) => weightedDelta(adapters, weights, site));
  for (const pair of Object.values(sum.pairs)) assert.equal(rankOf(pair), 7);
});

Deno.test("concat() does not depend on the order of adapters", () => {
  const adapters = [randomAdapter("a"), randomAdapter("b", { rank: 3 }), randomAdapter("c")];
  const [a, b, c] = adapters as [Adapter, Adapter, Adapter];
  near(concat([c, a, b], [3, 1, 2]), same(concat(adapters, [1, 2, 3])));
});

Deno.test("concat() with zero adapters and zero weights adds nothing", () => {
  const adapter = randomAdapter("a");
  near(concat([adapter, zeroAdapter("z"), randomAdapter("b")], [1, 5, 0]), same(adapter));
});

Deno.test("concat() refuses what does not fit together, by name", () => {
  const adapter = randomAdapter("a");
  const { "0.q": _, ...rest } = adapter.pairs;
  assert.throws(() => concat([]), /Cannot merge adapters: found none/);
  assert.throws(() => concat([adapter], [1, 2]), /found 2 weights/);
  assert.throws(() => concat([adapter, { ...adapter, pairs: rest }]), /found sites 0.fc1,1.v, wanted 0.q/);
  const turned = { ...adapter, pairs: { ...adapter.pairs, "0.q": adapter.pairs["0.fc1"]! } };
  assert.throws(() => concat([adapter, turned]), /0.q is \[4,9\], wanted \[7,5\]/);
});

Deno.test("average() of identical adapters is the adapter; it is not the product of averaged factors", () => {
  const adapter = randomAdapter("a", { importance: 0.7 });
  near(average([adapter, adapter, adapter]), same(adapter));
  const others = [randomAdapter("a"), randomAdapter("b")];
  near(average(others), (site) => weightedDelta(others, [0.5, 0.5], site));
});

Deno.test("scaleAdapter() is linear and absorbGain() keeps ΔW", () => {
  const adapter = randomAdapter("a", { scale: 2, importance: 0.25 });
  near(scaleAdapter(adapter, -3), (site) => weightedDelta([adapter], [-3], site));
  assert.equal(scaleAdapter(adapter, 1), adapter);
  const absorbed = absorbGain(adapter, 4);
  near(absorbed, same(adapter));
  assert.deepEqual([absorbed.scale, absorbed.importance], [4, 1]);
});

Deno.test("balanceFactors() keeps ΔW, equals the norms per component and forgets a rescaling", () => {
  const adapter = randomAdapter("a", { rank: 3 });
  const balanced = balanceFactors(adapter);
  near(balanced, same(adapter));
  for (const [site, { a, b }] of Object.entries(balanced.pairs)) {
    const [rank, inputs] = a.shape as [number, number];
    for (let r = 0; r < rank; r++) {
      const row = a.data.slice(r * inputs, (r + 1) * inputs);
      const column = b.data.filter((_, i) => i % rank === r);
      assert.ok(Math.abs(norm(row) / norm(column) - 1) < 1e-6, site);
    }
  }
  // The same ΔW written with other component lengths.
  const skewed = Object.entries(adapter.pairs).map(([site, { a, b }]) => {
    const inputs = a.shape[1]!;
    const lengths = [4, 0.5, 8];
    return [site, {
      a: { ...a, data: a.data.map((value, i) => value * lengths[Math.floor(i / inputs)]!) },
      b: { ...b, data: b.data.map((value, i) => value / lengths[i % 3]!) },
    }] as const;
  });
  const again = balanceFactors({ ...adapter, pairs: Object.fromEntries(skewed) });
  for (const site of commonSites([adapter])) {
    again.pairs[site]!.a.data.forEach((value, i) => {
      assert.ok(Math.abs(value - balanced.pairs[site]!.a.data[i]!) < 1e-5);
    });
  }
  assert.deepEqual(balanceFactors(zeroAdapter("z")), zeroAdapter("z"));
});

Deno.test("compress() is exact when the rank suffices", () => {
  const adapter = randomAdapter("a", { rank: 2, scale: 3, importance: 0.5 });
  assert.deepEqual(compress(adapter, 2), adapter);
  assert.deepEqual(compress(adapter, 50), adapter);
  // Rank 6 on paper, 2 in truth.
  const redundant = concat([adapter, adapter, adapter]);
  const compressed = compress(redundant, 2);
  near(compressed, same(redundant), 5e-6);
  for (const pair of Object.values(compressed.pairs)) assert.equal(rankOf(pair), 2);
});

Deno.test("compress() cuts rank beyond the smaller side of ΔW without loss, with and without a cap", () => {
  const adapter = concat(["a", "b", "c", "d"].map((label) => randomAdapter(label, { rank: 4 })));
  for (const rank of [null, 7]) {
    const compressed = compress(adapter, rank);
    near(compressed, same(adapter));
    assert.deepEqual(Object.values(compressed.pairs).map(rankOf), [5, 4, 6]);
  }
});

Deno.test("compress() is the best fit of its rank (Eckart-Young) and a projection", () => {
  const adapter = concat(["a", "b", "c"].map((label) => randomAdapter(label, { rank: 2, scale: 2 })));
  for (const rank of [1, 2, 3]) {
    const compressed = compress(adapter, rank);
    for (const site of commonSites([adapter])) {
      const whole = composeDelta(adapter, site);
      const kept = composeDelta(compressed, site);
      const singular = singularValues(whole, adapter.pairs[site]!.b.shape[0]!);
      const lost = norm(whole.map((value, i) => value - kept[i]!));
      const least = norm(singular.slice(rank));
      assert.ok(Math.abs(lost / least - 1) < 1e-5, `${site} rank ${rank}: lost ${lost}, least is ${least}`);
    }
    near(compress(concat([compressed, compressed], [0.5, 0.5]), rank), same(compressed), 5e-6);
  }
});

Deno.test("compress() handles zero and non-finite adapters and wrong ranks", () => {
  const zero = compress(concat([zeroAdapter("a", 3), zeroAdapter("b", 3)]), 2);
  near(zero, (site) => composeDelta(zeroAdapter("a"), site), 0);
  for (const pair of Object.values(zero.pairs)) assert.equal(rankOf(pair), 2);
  const broken = randomAdapter("a", { rank: 3 });
  broken.pairs["0.q"]!.a.data[0] = NaN;
  assert.throws(() => compress(broken, 1), /found NaN/);
  for (const rank of [0, 1.5, -2]) assert.throws(() => compress(zero, rank), /wanted a positive integer/);
});

/** Singular values by Jacobi rotations of the columns: an SVD that shares nothing with the tested one. */
function singularValues(values: Float64Array, rows: number): number[] {
  const columns = values.length / rows;
  const work = Array.from(
    { length: columns },
    (_, j) => Array.from({ length: rows }, (_, i) => values[i * columns + j]!),
  );
  const dot = (x: number[], y: number[]) => x.reduce((total, value, i) => total + value * y[i]!, 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [x, y] = [work[p]!, work[q]!];
        const angle = 0.5 * Math.atan2(2 * dot(x, y), dot(x, x) - dot(y, y));
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        work[p] = x.map((value, i) => c * value + s * y[i]!);
        work[q] = x.map((value, i) => c * y[i]! - s * value);
      }
    }
  }
  return work.map((column) => norm(column)).sort((a, b) => b - a);
}
