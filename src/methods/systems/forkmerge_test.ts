import assert from "node:assert/strict";
import { composeDelta } from "../../merge/delta.ts";
import { tinyLora } from "../test_kit.ts";
import { type ForkMergeState, greedyWeights, mergeModels } from "./forkmerge.ts";
import { assertNear, tensorOf, watched } from "./test_numbers.ts";

Deno.test("forkmerge searches weights greedily, best branch first, on the mean of those before", async () => {
  const tried: number[][] = [];
  // Highest at (0.32, 1, 0.6): branch 1 is best alone, then branch 2, then branch 0.
  const score = (weights: readonly number[]) => {
    const [a, b, c] = weights as [number, number, number];
    return 1 - Math.abs(a - 0.32) - Math.abs(b - 1) - Math.abs(c - 0.6);
  };
  const alone = [score([1, 0, 0]), score([0, 1, 0]), score([0, 0, 1])];
  const found = await greedyWeights(alone, (weights) => {
    tried.push(weights.map((value) => Number(value.toFixed(6))));
    return Promise.resolve(score(weights));
  });
  // Factors of 1 / 1, then of (1 + 0.6) / 2; 0 is known from the step before.
  assert.deepEqual(tried, [
    ...[0.2, 0.4, 0.6, 0.8, 1].map((c) => [0, 1, c]),
    ...[0.16, 0.32, 0.48, 0.64, 0.8].map((a) => [a, 1, 0.6]),
  ]);
  assertNear(found, [0.32 / 1.92, 1 / 1.92, 0.6 / 1.92]);
});

Deno.test("forkmerge leaves a branch out that does not help, and of equal scores takes the first", async () => {
  assert.deepEqual(await greedyWeights([0.5, 0.9, 0.9], () => Promise.resolve(0.9)), [0, 1, 0]);
  assert.deepEqual(await greedyWeights([0.7], () => assert.fail("there is nothing to try")), [1]);
});

Deno.test("forkmerge forks into three from the second task on, in other orders, on other images than it scores", async () => {
  const seen: { readonly purpose: string; readonly count: number; readonly strengths: number[] }[] = [];
  const states = await watched<ForkMergeState>(
    "forkmerge:rounds=2,heldOut=0.5",
    2,
    ({ purpose, tables, fixed }) => {
      const strengths = [fixed!["onLogits"]!, fixed!["onFeatures"]!].map(({ data }) => data[0]!);
      seen.push({ purpose: purpose!, count: tables.main.count, strengths });
    },
  );
  const branches = [0, 1, 2].map((branch) => [branch > 0 ? 1 : 0, branch > 1 ? 1 : 0]);
  assert.deepEqual(seen.map(({ strengths }) => strengths), [[0, 0], [0, 0], ...branches, ...branches]);
  assert.equal(new Set(seen.slice(2).map(({ purpose }) => purpose)).size, 6);
  assert.ok(seen.every(({ count }) => count === 1));
  const { weights, adapter } = states.at(-1)!;
  assertNear(weights.map((row) => row.reduce((a, b) => a + b, 0)), [1, 1]);
  assert.equal(adapter!.pairs["0.q"]!.a.shape[0], tinyLora.rank);
  assert.ok(composeDelta(adapter!, "0.q").some((value) => value !== 0));
});

Deno.test("forkmerge merges updates and not factors, and classifiers by the same weights", () => {
  // Rank 1 updates of one site [2, 2]; the second has another scale.
  const pair = (a: readonly number[], b: readonly number[]) => ({
    a: tensorOf([1, 2], a),
    b: tensorOf([2, 1], b),
  });
  const models = [
    {
      adapter: { scale: 1, importance: 1, pairs: { "0.q": pair([1, 2], [3, 4]) } },
      rows: { "head.weight": tensorOf([1, 2], [1, 2]) },
    },
    {
      adapter: { scale: 2, importance: 1, pairs: { "0.q": pair([0, 1], [1, -1]) } },
      rows: { "head.weight": tensorOf([1, 2], [5, 10]) },
    },
  ];
  const { adapter, rows } = mergeModels(models, [1, 0.25]);
  // 0.8 (3, 4)ᵀ(1, 2) + 0.2 · 2 (1, -1)ᵀ(0, 1).
  assertNear([...composeDelta(adapter, "0.q")], [2.4, 4.8 + 0.4, 3.2, 6.4 - 0.4]);
  assertNear([...rows["head.weight"]!.data], [1.8, 3.6]);
});
