import assert from "node:assert/strict";
import { type Choice, choices, trialsOf } from "./trials.ts";

const ranges = { a: [1, 2, 3], b: ["x", "y"] };

Deno.test("trialsOf() starts with the defaults and repeats nothing", () => {
  const trials = trialsOf(ranges, 5, 1);
  assert.deepEqual(trials[0], {});
  assert.equal(new Set(trials.map((trial) => JSON.stringify(trial))).size, 5);
  assert.deepEqual(trials, trialsOf(ranges, 5, 1));
  assert.notDeepEqual(trials, trialsOf(ranges, 5, 2));
});

Deno.test("a larger budget goes on where a smaller one ends", () => {
  assert.deepEqual(trialsOf(ranges, 6, 3).slice(0, 4), trialsOf(ranges, 4, 3));
});

Deno.test("trialsOf() ends where there is nothing new to try", () => {
  assert.equal(choices(ranges), 6);
  assert.equal(trialsOf(ranges, 100, 0).length, 7);
  // Naming the defaults is trying them again.
  const defaults = { a: 2, b: "x" };
  const same = (choice: object) => JSON.stringify({ ...defaults, ...choice });
  assert.equal(trialsOf(ranges, 100, 0, same).length, 6);
  assert.deepEqual(trialsOf({}, 8, 0), [{}]);
});

Deno.test("trialsOf() leaves out what cannot be tried, and spends the budget on other choices", () => {
  const same = (choice: Choice) => choice["a"] === 2 ? undefined : JSON.stringify(choice);
  const trials = trialsOf(ranges, 5, 1, same);
  assert.equal(trials.length, 5);
  assert.ok(trials.every(({ a }) => a !== 2));
});
