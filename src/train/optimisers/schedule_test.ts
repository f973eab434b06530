import assert from "node:assert/strict";
import { learningRateAt, type Schedule } from "./schedule.ts";

function rates(settings: Partial<Schedule>, steps: number): number[] {
  const all: Schedule = { learningRate: 1, schedule: "constant", warmup: 0, ...settings };
  return Array.from({ length: steps }, (_, step) => Number(learningRateAt(all, step, steps).toFixed(6)));
}

Deno.test("learningRateAt() constant stays at the peak", () => {
  assert.deepEqual(rates({ schedule: "constant" }, 3), [1, 1, 1]);
  assert.deepEqual(rates({ learningRate: 0.25 }, 2), [0.25, 0.25]);
});

Deno.test("learningRateAt() cosine starts at the peak and ends a step before zero", () => {
  assert.deepEqual(rates({ schedule: "cosine" }, 4), [1, 0.853553, 0.5, 0.146447]);
});

Deno.test("learningRateAt() warmup rises linearly and the cosine covers the rest", () => {
  assert.deepEqual(rates({ schedule: "cosine", warmup: 0.5 }, 8), [
    0.25,
    0.5,
    0.75,
    1,
    1,
    0.853553,
    0.5,
    0.146447,
  ]);
});

Deno.test("learningRateAt() one step trains at the peak", () => {
  assert.deepEqual(rates({ schedule: "cosine" }, 1), [1]);
  assert.deepEqual(rates({ schedule: "cosine", warmup: 0.9 }, 1), [1]);
});
