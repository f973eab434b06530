import assert from "node:assert/strict";
import { createRng } from "../../core/rng.ts";
import { adjustedRandIndex, familyAgreement, familyTransfer, groupOfTasks, pairEffects } from "./families.ts";

function assertNear(found: number | undefined, wanted: number) {
  assert.ok(Math.abs(found! - wanted) < 1e-12, `${found} is not ${wanted}`);
}

Deno.test("adjustedRandIndex() by hand", () => {
  // Of 15 pairs 3 + 3 = 6 are together in a, 1 + 1 + 1 = 3 in b, 1 + 0 + 1 = 2 in both:
  // E = 6 · 3 / 15 = 1.2, (2 - 1.2) / (4.5 - 1.2).
  assertNear(adjustedRandIndex([0, 0, 0, 1, 1, 1], ["x", "x", "y", "y", "z", "z"]), 0.8 / 3.3);
  assert.equal(adjustedRandIndex([0, 0, 1, 1], [1, 1, 0, 0]), 1);
  assertNear(adjustedRandIndex([0, 0, 1, 1], [0, 1, 0, 1]), -0.5);
  assert.equal(adjustedRandIndex([0, 0, 0, 0], [0, 0, 1, 1]), 0);
  assert.equal(adjustedRandIndex([0, 0, 0], ["a", "a", "a"]), 1);
  assert.equal(adjustedRandIndex([0, 1, 2], ["a", "b", "c"]), 1);
  assert.throws(() => adjustedRandIndex([0], []), RangeError);
});

Deno.test("adjustedRandIndex() is scikit-learn's (1.x, adjusted_rand_score)", () => {
  const groups = [0, 1, 2, 3, 3, 3, 3, 2, 3, 2, 3, 2, 1, 0, 3, 3, 0, 3, 4, 3, 4, 1, 3, 4];
  assertNear(adjustedRandIndex(groups, groups.map((_, i) => Math.floor(i / 2))), -0.027491408934707903);
});

Deno.test("adjustedRandIndex() is symmetric, knows no names, and is 0 on average for random groups", () => {
  const rng = createRng(1, "partitions");
  let sum = 0;
  for (let trial = 0; trial < 400; trial++) {
    const a = Array.from({ length: 30 }, () => rng.integer(5));
    const b = rng.shuffle(Array.from({ length: 30 }, (_, i) => i % 6));
    const found = adjustedRandIndex(a, b);
    assertNear(adjustedRandIndex(b, a), found);
    assertNear(adjustedRandIndex(a.map((group) => `${4 - group}`), b), found);
    sum += found;
  }
  assert.ok(Math.abs(sum / 400) < 0.01, `${sum / 400}`);
});

Deno.test("groupOfTasks() reads members, and refuses what is no partition", () => {
  assert.deepEqual(groupOfTasks([[0, 2], [1]], 3), [0, 1, 0]);
  for (
    const wrong of [[[0, 2]], [[0, 1], [1, 2]], [[0, 1, 2, 3]], [[0, 1, "2"]], [0, 1, 2], "012", undefined]
  ) {
    assert.equal(groupOfTasks(wrong, 3), undefined, JSON.stringify(wrong));
  }
});

Deno.test("familyAgreement() compares groups with families, where there is something to find", () => {
  const families = [["a"], ["b"], ["a"], ["b"]];
  assert.equal(familyAgreement([[0, 2], [1, 3]], families), 1);
  assertNear(familyAgreement([[0, 1], [2, 3]], families), -0.5);
  // Joined families are one kind, in any order.
  assert.equal(familyAgreement([[0, 1], [2, 3]], [["a", "b"], ["b", "a"], ["c"], ["c"]]), 1);
  assert.equal(familyAgreement([[0, 2], [1, 3]], [["a"], ["a"], ["a"], ["a"]]), undefined);
  assert.equal(familyAgreement([[0, 2], [1, 3]], [["a"], ["b"], ["c"], ["d"]]), undefined);
  assert.equal(familyAgreement(undefined, families), undefined);
  assert.equal(familyAgreement([[0, 2], [1, 3]], [["a"], undefined, ["a"], ["b"]]), undefined);
});

/** Families a, b, a; task 0 loses 0.3 to b and wins 0.1 back from a; task 1 loses 0.2 to a. */
const families = [["a"], ["b"], ["a"]];
const matrix = [[0.9], [0.6, 0.8], [0.7, 0.6, 0.95]];

Deno.test("pairEffects() tells what related and unrelated tasks did to earlier ones", () => {
  const found = pairEffects(matrix, families)!;
  assertNear(found.related, 0.1);
  assertNear(found.unrelated, (-0.3 - 0.2) / 2);
  // The parts add up to backward transfer times the number of earlier tasks.
  assertNear(found.related! * 1 + found.unrelated! * 2, (0.7 - 0.9) + (0.6 - 0.8));
  assert.deepEqual(pairEffects([[1]], [["a"]]), { related: undefined, unrelated: undefined });
  assert.equal(pairEffects([undefined, undefined, matrix[2]!], families), undefined);
  assert.equal(pairEffects(matrix, [["a"], undefined, ["a"]]), undefined);
  assert.equal(pairEffects(matrix.slice(0, 2), families), undefined);
});

Deno.test("familyTransfer() is how much better a family is learned when it comes back", () => {
  assertNear(familyTransfer(matrix, families), 0.95 - 0.9);
  assert.equal(familyTransfer(matrix, [["a"], ["b"], ["c"]]), undefined);
  assertNear(familyTransfer(matrix, [["a"], ["a"], ["b", "a"]]), ((0.8 - 0.9) + (0.95 - 0.9)) / 2);
  assert.equal(familyTransfer([undefined, matrix[1]!, matrix[2]!], families), undefined);
});
