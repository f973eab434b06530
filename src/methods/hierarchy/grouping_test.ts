import assert from "node:assert/strict";
import { assignGroup, nothingObserved, observe, relativeThreshold, similarities } from "./grouping.ts";

function assertNear(found: readonly number[], wanted: readonly number[]) {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, i) => assert.ok(Math.abs(found[i]! - value) < 1e-12, `${found} is not ${wanted}`));
}

/**
 * Inner products of a task, of one task that is a group by itself, and of the mean of four tasks: all tasks of length 1
 * and cosine 0.5 with one another, except that the task's cosine with the single one is `single`.
 */
const example = (single: number) => [[1, single, 0.5], [single, 1, 0.5], [0.5, 0.5, 0.5 + 0.5 / 4]];

Deno.test("similarities() as plain cosines favours a group for its size alone", () => {
  assertNear(similarities([example(0.5)], [1, 4], "cosine"), [0.5, 0.5 / Math.sqrt(0.625)]);
  // √n ρ / √(1 + (n - 1) ρ) of 4 members
  assertNear([0.5 / Math.sqrt(0.625)], [Math.sqrt(4) * 0.5 / Math.sqrt(1 + 3 * 0.5)]);
});

Deno.test("similarities() around the mean is 0 for groups of any size that share no more with the task than all do", () => {
  assertNear(similarities([example(0.5)], [1, 4], "centred"), [0, 0]);
});

Deno.test("similarities() around the mean finds the single task that a large group hides from plain cosines", () => {
  const [one, many] = similarities([example(0.6)], [1, 4], "cosine");
  assert.ok(one! < many!);
  // By hand: ⟨t,m⟩ = 0.52, ⟨m,m⟩ = 0.6, |t-m|² = 0.56, |g-m|² = 0.4 and 0.025, products 0.08 and -0.02.
  assertNear(similarities([example(0.6)], [1, 4], "centred"), [
    0.08 / Math.sqrt(0.56 * 0.4),
    -0.02 / Math.sqrt(0.56 * 0.025),
  ]);
});

Deno.test("similarities() averages over sites, and compares a single group as it is", () => {
  const sites = [[[1, 0.5], [0.5, 1]], [[4, -1], [-1, 1]]];
  for (const kind of ["centred", "cosine"] as const) {
    assertNear(similarities(sites, [3], kind), [(0.5 - 0.5) / 2]);
  }
  const both = similarities([example(0.6), example(0.5)], [1, 4], "centred");
  assertNear(both, similarities([example(0.6)], [1, 4], "centred").map((value) => value / 2));
});

Deno.test("relativeThreshold() is the mean and a part of the deviation of all similarities so far", () => {
  assert.equal(relativeThreshold(nothingObserved, 0.5, 1), Math.sqrt(0.9));
  assert.equal(relativeThreshold(nothingObserved, 0.5, 2), Math.sqrt(0.5));
  const two = observe(nothingObserved, [0.2, -0.2]);
  assertNear([relativeThreshold(two, 0.5, 2)], [0.1]);
  const three = observe(two, [0.4]);
  assertNear([three.mean, relativeThreshold(three, 0.5, 3)], [
    0.4 / 3,
    0.4 / 3 + 0.5 * Math.sqrt(0.24 / 3 - (0.4 / 3) ** 2),
  ]);
});

Deno.test("assignGroup() joins the most similar group, opens below the threshold, joins by force when full", () => {
  assert.equal(assignGroup([], 0.5, 3), 0);
  assert.equal(assignGroup([0.2, 0.6], 0.5, 3), 1);
  assert.equal(assignGroup([0.5], 0.5, 3), 0);
  assert.equal(assignGroup([0.2, 0.4], 0.5, 3), 2);
  assert.equal(assignGroup([0.2], 0.5, 1), 0);
  assert.equal(assignGroup([-0.2, 0.1, -0.4], 0.5, 3), 1);
  assert.equal(assignGroup([0.3, 0.3, 0.3], 0.5, 3), 0);
});
