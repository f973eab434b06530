import assert from "node:assert/strict";
import { gradientDistance, lowerBound, playBandit, type TaskNode, taskTree } from "./task_tree.ts";

const leaf = (task: number): TaskNode => ({ tasks: [task], spread: 0, children: [] });

Deno.test("gradientDistance() is the L1 distance as a share of the lengths", () => {
  assert.equal(gradientDistance(Float32Array.of(1, -1), Float32Array.of(1, 1)), 0.5);
  assert.equal(gradientDistance(Float32Array.of(2, 0), Float32Array.of(-2, 0)), 1);
  assert.equal(gradientDistance(Float32Array.of(0, 0), Float32Array.of(0, 0)), 0);
});

Deno.test("taskTree() parts tasks at the median distance to their mean, a layer at each depth", () => {
  // Layer 0: the mean of 1, 1, 1, 5 is 2: distances 1/3, 1/3, 1/3, 3/7, of which the lower median is 1/3.
  // Layer 1 of tasks 0 to 2: 4, 0, 2 with mean 2: distances 1/3, 1, 0, whose median 1/3 parts task 1 off.
  const first = [1, 1, 1, 5], second = [4, 0, 2, 0];
  const tree = taskTree(first.map((value, i) => [Float32Array.of(value), Float32Array.of(second[i]!)]));
  const shape = ({ tasks, children }: TaskNode): unknown =>
    children.length === 0 ? tasks[0] : children.map(shape);
  // No layer is left for tasks 0 and 2: they stand side by side.
  assert.deepEqual(shape(tree), [[[0, 2], 1], 3]);
  assert.ok(Math.abs(tree.spread - 1 / 3) < 1e-12);
});

Deno.test("taskTree() parts tasks that are equally far in halves", () => {
  const tree = taskTree([0, 1, 2].map(() => [Float32Array.of(1, 2)]));
  assert.deepEqual(tree.children.map(({ tasks }) => tasks), [[0, 1], [2]]);
  assert.deepEqual(tree.children[0]!.children.map(({ tasks }) => tasks), [[0], [1]]);
});

Deno.test("lowerBound() is μ - 2 √(ln t / n), less δ for a group, and no less than its best child's", () => {
  const [a, b] = [leaf(0), leaf(1)];
  const group = { tasks: [0, 1], spread: 0.25, children: [a, b] };
  const seen = new Map([[a, { count: 4, total: 1.2 }], [b, { count: 1, total: 0.6 }], [group, {
    count: 5,
    total: 1.8,
  }]]);
  const near = (found: number, wanted: number) => assert.ok(Math.abs(found - wanted) < 1e-12, `${found}`);
  near(lowerBound(a, 6, seen), 0.3 - 2 * Math.sqrt(Math.log(6) / 4));
  // The group: 0.36 - 2 √(ln 6 / 5) - 0.25 = -1.087; its children: -1.039 and -2.077.
  near(lowerBound(group, 6, seen), 0.36 - 2 * Math.sqrt(Math.log(6) / 5) - 0.25);
  // With a child never looked at, its own bound holds.
  assert.equal(lowerBound(b, 6, new Map()), -Infinity);
  // With a wide spread the best child's bound is higher.
  const wide = { ...group, spread: 2 };
  seen.set(wide, { count: 5, total: 1.8 });
  near(lowerBound(wide, 6, seen), 0.6 - 2 * Math.sqrt(Math.log(6)));
});

Deno.test("playBandit() looks once at each, then where the bound is least", () => {
  // Distances 0.9 and 0.1. Round 3: 0.9 - 2.10 and 0.1 - 2.10, so 1. Round 4: -1.455 and 0.1 - 1.665, so 1.
  // Round 5: 0.9 - 2.537 = -1.637 and 0.1 - 2 √(ln 5 / 3) = -1.365, so 0.
  const looked: number[] = [];
  const shares = playBandit(
    { tasks: [0, 1], spread: 0.3, children: [leaf(0), leaf(1)] },
    5,
    (task, round) => {
      assert.equal(round, looked.push(task));
      return [0.9, 0.1][task]!;
    },
  );
  assert.deepEqual(looked, [0, 1, 1, 1, 0]);
  assert.deepEqual(shares.map((share) => Math.round(share * 10)), [4, 6]);
  assert.deepEqual(playBandit(leaf(0), 3, () => 0.5).map((share) => Math.round(share * 10)), [10]);
});
