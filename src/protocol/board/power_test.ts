import assert from "node:assert/strict";
import { recordOf } from "../records/test_records.ts";
import { detectable, powersOf, seedsFor } from "./power.ts";
import { sectionsOf } from "./test_board.ts";

/** A run of one task with so many of 1000 images right. */
const run = (method: string, seed: number, right: number) =>
  recordOf({ method, seed, matrix: [[right / 1000]], images: [1000] });

/** Floor 0.2, bound 0.4, two methods whose accuracies vary by so much about 0.3. */
const records = (spread: number) =>
  [0, 1, 2].flatMap((seed) => [
    run("simplecil", seed, 200),
    run("joint", seed, 400),
    run("ham", seed, 300 + spread * (seed - 1)),
    run("ewc", seed, 300 - spread * (seed - 1)),
  ]);

Deno.test("powersOf() holds the room between floor and bound beside the noise between seeds", () => {
  const [power] = powersOf(sectionsOf(records(10))[0]!);
  // Deviations 0, 0, 0.01, 0.01 over three seeds.
  const error = Math.sqrt((0.01 ** 2 / 3) / 2);
  assert.ok(Math.abs(power!.room! - 0.2) < 1e-12);
  assert.ok(Math.abs(power!.error! - error) < 1e-12);
  assert.equal(power!.isDeciding, true);
  assert.equal(powersOf(sectionsOf(records(60))[0]!)[0]!.isDeciding, false);
});

Deno.test("powersOf() knows how differences of rivals vary, and not those to a bound", () => {
  const [power] = powersOf(sectionsOf(records(10))[0]!);
  // simplecil, ham and ewc: deviations 0.01, 0.01 and, since the two mirror each other, 0.02; nine tenths of the way are interpolated.
  const { median, high, pairs } = power!.deviations!;
  assert.equal(pairs, 3);
  assert.deepEqual([median, high].map((value) => value.toFixed(9)), ["0.010000000", "0.018000000"]);
  assert.ok(Math.abs(detectable(median, 3)! - 0.0326404) < 1e-6);
  assert.equal(seedsFor(median, 0.01), 10);
  assert.equal(seedsFor(0, 0.01), 2);
});

Deno.test("powersOf() says nothing of what is not there", () => {
  const [power] = powersOf(sectionsOf([run("ham", 0, 300), run("ewc", 0, 310)])[0]!);
  assert.deepEqual(power, { tasks: 1 });
});
