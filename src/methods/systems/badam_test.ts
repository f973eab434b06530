import assert from "node:assert/strict";
import { add, mul, sum } from "../../graph/functions.ts";
import { createMethod } from "../mod.ts";
import { runMethod } from "../test_kit.ts";
import { badamRule, type BadamState } from "./badam.ts";
import { assertNear, numbers, steps, tensorOf } from "./test_numbers.ts";

Deno.test("badam takes NumPy's two steps of three draws", async () => {
  const { a, b, eta, noise, rows } = numbers.badam;
  const found = await steps(
    badamRule({ draws: 3, deviation: 0.5 }),
    { w: tensorOf([2], [1, -2]) },
    ({ w }, { a, b }) => sum(add(mul(mul(mul(w!, w!), a!), 0.5), mul(w!, b!))),
    { rate: eta, count: 2, noise, fixed: { a: tensorOf([2], a), b: tensorOf([2], b) } },
  );
  found.rows.forEach((row, i) => assertNear(row, rows[i]));
});

Deno.test("badam goes on where the last task stopped: slots, and the corrections of step n", () => {
  const slots = [Float32Array.of(0.1), Float32Array.of(2), Float32Array.of(3)];
  const rule = badamRule({ draws: 1, deviation: 9, slots, steps: 10 });
  assert.deepEqual(rule.init!(Float32Array.of(5)), slots);
  assertNear([...rule.hyper(2, 0)], [2 * Math.sqrt(1 - 0.999 ** 11) / (1 - 0.9 ** 11)]);
});

Deno.test("badam keeps deviations over tasks, smaller where gradients agreed with the draws", async () => {
  const { own } = await runMethod(createMethod("badam:deviation=0.05"), { tasks: 2, train: "really" });
  const [, first, second] = own as unknown as readonly BadamState[];
  assert.equal(first!.slots.length, 3);
  assert.ok(first!.slots[0]!.some((sigma) => sigma !== Math.fround(0.05)));
  assert.ok(second!.steps > first!.steps);
});
