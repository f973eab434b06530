/**
 * The statistics against numbers of SciPy and statsmodels: see fixtures/make/statistics.py.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createBootstrap } from "./bootstrap.ts";
import { studentBelow, studentisedRange } from "./distributions.ts";
import { equivalenceP } from "./equivalence.ts";
import { estimate } from "./estimate.ts";
import { friedman, ranksOf } from "./friedman.ts";
import { holm } from "./holm.ts";
import { createSignTest } from "./permutation.ts";

interface Fixture {
  readonly paired: readonly {
    readonly values: readonly number[];
    readonly p: number;
    readonly equivalence: readonly { readonly margin: number; readonly p: number }[];
    readonly interval?: readonly [number, number];
    readonly drawn?: readonly [number, number];
  }[];
  readonly long: readonly {
    readonly values: readonly number[];
    readonly p: number;
    readonly drawn: readonly [number, number];
  }[];
  readonly holm: readonly { readonly p: readonly number[]; readonly corrected: readonly number[] }[];
  readonly friedman: readonly {
    readonly blocks: readonly (readonly number[])[];
    readonly ranks: readonly number[];
    readonly p: number;
    readonly criticalDifference: number;
  }[];
  readonly studentisedRange: readonly { readonly means: number; readonly value: number }[];
}

const fixture: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("../../../../fixtures/statistics.json", import.meta.url)),
);

function near(found: number, wanted: number, tolerance: number, what = ""): void {
  assert.ok(Math.abs(found - wanted) <= tolerance, `${what}: found ${found}, wanted ${wanted}`);
}

Deno.test("the permutation test is SciPy's exact one", () => {
  const signTest = createSignTest();
  for (const { values, p } of fixture.paired) {
    near(signTest(values).p, p, 1e-12, `${values}`);
    assert.equal(signTest(values).leastP, 2 ** (1 - values.length));
  }
});

Deno.test("the permutation test of many pairs is SciPy's within chance, and knows how small a p can get", () => {
  const signTest = createSignTest();
  for (const { values, p } of fixture.long) {
    const { p: found, leastP } = signTest(values);
    // It draws until 200 were as far out, or 99,999 times; SciPy 400,000 times.
    near(found, p, 4 * Math.sqrt(found ** 2 / 200 + p / 100_000), `${values.length} pairs`);
    assert.equal(leastP, 2 ** (1 - values.length));
    assert.deepEqual(signTest(values), { p: found, leastP });
  }
  const rising = Array.from({ length: 40 }, (_, i) => 1 + i);
  assert.equal(signTest(rising).p, 2 ** -39);
  assert.equal(signTest([...rising, -1]).p, 1e-5);
});

Deno.test("the permutation test of one pair, none, or equal pairs says nothing", () => {
  const signTest = createSignTest();
  assert.deepEqual(signTest([0.5]), { p: 1, leastP: 1 });
  assert.deepEqual(signTest([]), { p: 1, leastP: 1 });
  assert.deepEqual(signTest([0, 0, 0]), { p: 1, leastP: 0.25 });
  assert.equal(signTest([0, 0, 0.1, 0.2, 0.3]).p, 0.25);
});

Deno.test("intervals are those of all resamples, or SciPy's within chance", () => {
  const bootstrap = createBootstrap();
  for (const { values, interval, drawn } of fixture.paired) {
    const found = bootstrap(values);
    if (interval) found!.forEach((end, i) => near(end, interval[i]!, 1e-12, `${values}`));
    else if (drawn) {
      const [low, high] = drawn;
      found!.forEach((end, i) => near(end, drawn[i]!, 0.06 * (high - low), `${values}`));
    } else assert.equal(found, undefined);
  }
  for (const { values, drawn: [low, high] } of fixture.long) {
    bootstrap(values)!.forEach((end, i) =>
      near(end, [low, high][i]!, 0.06 * (high - low), `${values.length}`)
    );
  }
});

Deno.test("intervals are seeded and hold the mean; of equal values they are one", () => {
  assert.equal(createBootstrap()([1, 2]), undefined);
  assert.deepEqual(createBootstrap()([0.1, 0.1, 0.1]), [0.1, 0.1]);
  assert.deepEqual(createBootstrap()([1, 4, 2]), [1, 4]);
  const values = Array.from({ length: 9 }, (_, i) => i * i);
  const [low, high] = createBootstrap()(values)!;
  assert.ok(low < 204 / 9 && high > 204 / 9);
  assert.deepEqual(createBootstrap()(values), [low, high]);
});

Deno.test("equivalence is SciPy's pair of one-sided t tests", () => {
  for (const { values, equivalence } of fixture.paired) {
    for (const { margin, p } of equivalence) near(equivalenceP(values, margin), p, 1e-7, `${values}`);
  }
});

Deno.test("equivalence of too few values is not claimed, and of equal ones is plain", () => {
  assert.equal(equivalenceP([], 0.01), 1);
  assert.equal(equivalenceP([0], 0.01), 1);
  assert.equal(equivalenceP([0, 0], 0.01), 0);
  assert.equal(equivalenceP([0.25, 0.25], 0.25), 1);
  assert.equal(equivalenceP([0.5, 0.5], 0.01), 1);
  // Three times a point, but for floating point.
  assert.equal(equivalenceP([0.35 - 0.34, 0.36 - 0.35, 0.351 - 0.341], 0.01), 1);
  assert.deepEqual([studentBelow(Infinity, 3), studentBelow(-Infinity, 3)], [1, 0]);
});

Deno.test("holm() corrects as statsmodels does", () => {
  for (const { p, corrected } of fixture.holm) {
    holm(p).forEach((found, i) => near(found, corrected[i]!, 1e-12));
  }
  assert.deepEqual(holm([]), []);
});

Deno.test("friedman() has SciPy's ranks and p, with ties, and Nemenyi's difference", () => {
  for (const { blocks, ranks, p, criticalDifference } of fixture.friedman) {
    const found = friedman(blocks);
    found.ranks.forEach((rank, i) => near(rank, ranks[i]!, 1e-12));
    near(found.p, p, 1e-9);
    near(found.criticalDifference, criticalDifference, 1e-6);
  }
  assert.deepEqual(friedman([[1, 1], [2, 2]]).p, 1);
  assert.deepEqual(ranksOf([3, 5, 3, 1]), { ranks: [2.5, 1, 2.5, 4], ties: 6 });
});

Deno.test("studentisedRange() is SciPy's", () => {
  for (const { means, value } of fixture.studentisedRange) {
    near(studentisedRange(means), value, 1e-6, `${means}`);
  }
});

Deno.test("estimate() has no deviation for one value, no interval for two, and nothing for none", () => {
  const bootstrap = createBootstrap();
  assert.equal(estimate([], bootstrap), undefined);
  assert.deepEqual(estimate([0.5], bootstrap), { mean: 0.5, n: 1 });
  assert.deepEqual(estimate([1, 3], bootstrap), { mean: 2, deviation: 1.41421356237, n: 2 });
  assert.deepEqual(estimate([1, 2, 3], bootstrap), { mean: 2, deviation: 1, n: 3, interval: [1, 3] });
});
