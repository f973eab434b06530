import assert from "node:assert/strict";
import {
  type AccuracyMatrix,
  averagePooledAccuracy,
  averageTaskMeanAccuracy,
  backwardTransfer,
  type Counts,
  forgetting,
  forgettingWithLast,
  plasticity,
  pooledAccuracy,
  taskMeanAccuracy,
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
  taskMeanAccuracy,
  averageTaskMeanAccuracy,
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
    taskMeanAccuracy: (0.7 + 0.8 + 0.4) / 3,
    // Rows: 0.9, 0.55, 1.9 / 3.
    averageTaskMeanAccuracy: (0.9 + 0.55 + 1.9 / 3) / 3,
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
    taskMeanAccuracy: 0.75,
    averageTaskMeanAccuracy: 0.75,
    forgetting: undefined,
    forgettingWithLast: undefined,
    backwardTransfer: undefined,
    plasticity: 0.75,
  });
});

Deno.test("metrics that need earlier rows are undefined without them", () => {
  check(joint, {
    taskMeanAccuracy: 0.6,
    averageTaskMeanAccuracy: undefined,
    forgetting: undefined,
    forgettingWithLast: undefined,
    backwardTransfer: undefined,
    plasticity: undefined,
  });
});

Deno.test("metrics of no tasks are undefined", () => {
  for (const [name, metric] of Object.entries(metrics)) assert.equal(metric([]), undefined, name);
});

/** The matrix `three` where the tasks have 10, 20 and 50 test images. */
const counts: Counts = {
  hits: [[9], [5, 12], [7, 16, 20]],
  images: [10, 20, 50],
};

Deno.test("pooled metrics of three unequal tasks equal the worked example, unlike the means over tasks", () => {
  const close = (found: number | undefined, wanted: number) =>
    assert.ok(found !== undefined && Math.abs(found - wanted) < 1e-12, `${found}, wanted ${wanted}`);
  // (7 + 16 + 20) / (10 + 20 + 50), where the mean over tasks is 0.6333.
  close(pooledAccuracy(counts), 43 / 80);
  // After each task: 9 / 10, 17 / 30, 43 / 80.
  close(averagePooledAccuracy(counts), (9 / 10 + 17 / 30 + 43 / 80) / 3);
});

Deno.test("pooled accuracy is the mean over tasks where tasks have equally many test images", () => {
  const images = [10, 10, 10];
  const hits = three.map((row) => row?.map((share) => Math.round(10 * share)));
  assert.ok(Math.abs(pooledAccuracy({ hits, images })! - taskMeanAccuracy(three)!) < 1e-12);
  assert.ok(Math.abs(averagePooledAccuracy({ hits, images })! - averageTaskMeanAccuracy(three)!) < 1e-12);
});

Deno.test("pooled accuracy of fixed answers does not move with the cut into tasks; the mean over tasks does", () => {
  // Of classes with 1, 2, 3 and 40 test images, 1, 1, 0 and 20 are answered right.
  const cut = (...sizes: readonly number[]) => {
    const classes = [[1, 1], [2, 1], [3, 0], [40, 20]] as const;
    const tasks: { images: number; hits: number }[] = [];
    for (let t = 0, from = 0; t < sizes.length; from += sizes[t++]!) {
      const own = classes.slice(from, from + sizes[t]!);
      const total = (part: 0 | 1) => own.reduce((sum, pair) => sum + pair[part], 0);
      tasks.push({ images: total(0), hits: total(1) });
    }
    const hits = tasks.map((_, t) => tasks.slice(0, t + 1).map(({ hits }) => hits));
    const images = tasks.map(({ images }) => images);
    return {
      pooled: pooledAccuracy({ hits, images }),
      mean: taskMeanAccuracy(hits.map((row) => row.map((found, task) => found / images[task]!))),
    };
  };
  const cuts = [cut(4), cut(2, 2), cut(1, 3), cut(1, 1, 1, 1)];
  assert.deepEqual(cuts.map(({ pooled }) => pooled), cuts.map(() => 22 / 46));
  assert.equal(new Set(cuts.map(({ mean }) => mean)).size, 4);
});

Deno.test("pooled metrics without earlier rows, or of no tasks, are undefined", () => {
  const joint = { hits: [undefined, [5, 10]], images: [10, 20] };
  assert.equal(pooledAccuracy(joint), 0.5);
  assert.equal(averagePooledAccuracy(joint), undefined);
  assert.equal(pooledAccuracy({ hits: [], images: [] }), undefined);
  assert.equal(averagePooledAccuracy({ hits: [], images: [] }), undefined);
});
