import assert from "node:assert/strict";
import { detectableEffect, pairsFor, powerOf } from "./power.ts";

const near = (found: number, wanted: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(found - wanted) < tolerance, `found ${found}, wanted ${wanted}`);

Deno.test("powerOf() is that of SciPy's noncentral t distribution", () => {
  // scipy.stats.nct, two-sided at 5 %.
  const wanted = [
    [3, 1, 0.179255393800],
    [3, 3, 0.745268008142],
    [5, 1, 0.401389918634],
    [6, 1.5, 0.832529280584],
    [10, 0.5, 0.293175608016],
    [20, 0.7, 0.843505883680],
    [34, 0.5, 0.807777513795],
  ] as const;
  for (const [pairs, effect, power] of wanted) near(powerOf(pairs, effect), power);
  near(powerOf(10, 0), 0.05);
});

Deno.test("detectableEffect() and pairsFor() turn it round", () => {
  for (const pairs of [2, 3, 5, 10, 40]) {
    const effect = detectableEffect(pairs)!;
    near(powerOf(pairs, effect), 0.8);
    assert.equal(pairsFor(effect * 1.0001), pairs);
  }
  assert.deepEqual([0.25, 0.5, 1, 2, 4].map(pairsFor), [128, 34, 10, 5, 3]);
  assert.equal(detectableEffect(1), undefined);
  assert.equal(pairsFor(0), undefined);
  assert.equal(pairsFor(1e-6), undefined);
});
