import assert from "node:assert/strict";
import {
  type AccuracyMatrix,
  averageIncrementalAccuracy,
  backwardTransfer,
  finalAccuracy,
  forgetting,
  forgettingWithLast,
  plasticity,
} from "./metrics.ts";

/** Task 0 recovers a little at the end; task 1 is better at the end than ever before. */
const three: AccuracyMatrix = [
  [0.9],
  [0.5, 0.6],
  [0.7, 0.8, 0.4],
];
const one: AccuracyMatrix = [[0.75]];
/** A method that is scored only at the end. */
const joint: AccuracyMatrix = [undefined, undefined, [0.7, 0.8, 0.3]];

const metrics = {
  finalAccuracy,
  averageIncrementalAccuracy,
  forgetting,
  forgettingWithLast,
  backwardTransfer,
  plasticity,
};

function check(
  matrix: AccuracyMatrix,
  wanted: { readonly [K in keyof typeof metrics]: number | undefined },
): void {
  for (const [name, metric] of Object.entries(metrics)) {
    const value = wanted[name as keyof typeof metrics];
    const found = metric(matrix);
    if (value === undefined) assert.equal(found, undefined, name);
    else {assert.ok(
        found !== undefined && Math.abs(found - value) < 1e-12,
        `${name}: ${found}, wanted ${value}`,
      );}
  }
}

Deno.test("metrics of three tasks equal the worked example", () => {
  check(three, {
    finalAccuracy: (0.7 + 0.8 + 0.4) / 3,
    // Rows: 0.9, 0.55, 1.9 / 3.
    averageIncrementalAccuracy: (0.9 + 0.55 + 1.9 / 3) / 3,
    // Task 0: max(0.9, 0.5) - 0.7 = 0.2. Task 1: 0.6 - 0.8 = -0.2.
    forgetting: 0,
    // Task 1: max(0.6, 0.8) - 0.8 = 0.
    forgettingWithLast: 0.1,
    // (0.7 - 0.9 + 0.8 - 0.6) / 2.
    backwardTransfer: 0,
    plasticity: (0.9 + 0.6 + 0.4) / 3,
  });
});

Deno.test("metrics tell forgetting from backward transfer where a task peaks in between", () => {
  const peak: AccuracyMatrix = [[0.5], [0.9, 0.5], [0.6, 0.5, 0.5]];
  assert.ok(Math.abs(forgetting(peak)! - 0.15) < 1e-12);
  assert.ok(Math.abs(backwardTransfer(peak)! - 0.05) < 1e-12);
});

Deno.test("metrics of one task know no forgetting", () => {
  check(one, {
    finalAccuracy: 0.75,
    averageIncrementalAccuracy: 0.75,
    forgetting: undefined,
    forgettingWithLast: undefined,
    backwardTransfer: undefined,
    plasticity: 0.75,
  });
});

Deno.test("metrics that need earlier rows are undefined without them", () => {
  check(joint, {
    finalAccuracy: 0.6,
    averageIncrementalAccuracy: undefined,
    forgetting: undefined,
    forgettingWithLast: undefined,
    backwardTransfer: undefined,
    plasticity: undefined,
  });
});

Deno.test("metrics of no tasks are undefined", () => {
  for (const [name, metric] of Object.entries(metrics)) assert.equal(metric([]), undefined, name);
});
