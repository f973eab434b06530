import assert from "node:assert/strict";
import { createMethod } from "../../src/methods/mod.ts";
import type { Progress } from "../../src/protocol/mod.ts";
import {
  costOf,
  driversOf,
  isMeasured,
  type TaskCost,
  taskCosts,
  totalSeconds,
  type Units,
} from "./costs.ts";
import recorded from "./recorded_seconds.json" with { type: "json" };
import { TimeLeft, wallSeconds, workDone } from "./time_left.ts";

/**
 * As measured on the machine of the records. The table of costs was fitted to those of the suite methods, and to nothing
 * of the suite quick.
 */
const units: Units = { step: 1.03e-3, forward: 4.7e-4 };

/** A cell as it was planned, and the seconds that each of its tasks took. */
interface RecordedCell {
  readonly id: number;
  readonly tasks: readonly TaskCost[];
  readonly took: readonly TaskCost[];
}

/** Of the suites: 200 classes, 20 training and 10 test images of each, five epochs. */
function planned(method: string, count: number, units: Units): TaskCost[] {
  const tasks = Array.from({ length: count }, () => ({
    classes: Array.from({ length: 200 / count }, (_, i) => i),
    train: { length: 4000 / count },
    test: { length: 2000 / count },
  }));
  const drivers = driversOf(createMethod(method), tasks, { epochs: 5, batchSize: 32 });
  return taskCosts(costOf(method, "ncm"), drivers, units);
}

function methodsSuite(units: Units): RecordedCell[] {
  return recorded.methods.map(({ method, tasks }, id) => ({
    id,
    tasks: planned(method, tasks.length, units),
    took: tasks.map(([learn, evaluate]) => ({ learn: learn!, evaluate: evaluate! })),
  }));
}

function quickSuite(units: Units): RecordedCell[] {
  return recorded.quick.map(({ method, tasks: count, seconds }, id) => {
    const tasks = planned(method, count, units);
    const stretch = seconds / totalSeconds(tasks);
    const took = tasks.map(({ learn, evaluate }) => ({
      learn: stretch * learn,
      evaluate: stretch * evaluate,
    }));
    return { id, tasks, took };
  });
}

const longestFirst = (cells: readonly RecordedCell[]) =>
  cells.toSorted((a, b) => totalSeconds(b.tasks) - totalSeconds(a.tasks));

/** What a cell reports and when, in seconds from its beginning: ten times in a training, before and after scoring. */
function reports(took: readonly TaskCost[]): { readonly at: number; readonly progress: Progress }[] {
  let began = 0;
  return took.flatMap(({ learn, evaluate }, task) => {
    const base = { task, tasks: took.length };
    const training = Array.from({ length: 10 }, (_, i) => ({
      at: began + learn * (i + 1) / 10,
      progress: { ...base, phase: "train", step: i + 1, steps: 10 } as const,
    }));
    const learned = began + learn;
    began = learned + evaluate;
    return [
      ...training,
      { at: learned, progress: { ...base, phase: "evaluate", step: 0, steps: 1 } as const },
      { at: began, progress: { ...base, phase: "evaluate", step: 1, steps: 1 } as const },
    ];
  });
}

/** Runs cells on two workers by a clock of its own, and gives what was said to be left at every report. */
function replay(cells: readonly RecordedCell[]) {
  let now = 1000;
  const plan = longestFirst(cells);
  const time = new TimeLeft(plan, 2, () => now);
  const free = [0, 0];
  const events = plan.flatMap(({ id, took }) => {
    const worker = free[0]! <= free[1]! ? 0 : 1;
    const began = free[worker]!;
    free[worker] = began + totalSeconds(took);
    const told = reports(took).map(({ at, progress }) => ({
      at: began + at,
      tell: () => time.update(id, progress),
    }));
    return [...told, { at: free[worker]!, tell: () => time.finish(id) }];
  }).sort((a, b) => a.at - b.at);
  const end = Math.max(...free);
  const said = events.map(({ at, tell }) => {
    now = 1000 + at;
    tell();
    return { share: at / end, said: time.seconds, left: end - at };
  });
  return { end, said };
}

const suites = { methods: methodsSuite, quick: quickSuite };

for (const [name, cellsOf] of Object.entries(suites)) {
  // The look at the machine may be wrong by half, where others use it, too.
  for (const wrong of [1, 0.5, 2]) {
    Deno.test(`time left is right within a third from a tenth of suite ${name} on, begun ${wrong} of its estimate`, () => {
      const cells = cellsOf({ step: wrong * units.step, forward: wrong * units.forward });
      const { said } = replay(cells);
      // In the last twentieth a third is some seconds.
      const judged = said.filter(({ share }) => share >= 0.1 && share <= 0.95);
      assert.ok(judged.length > 100);
      const worst = judged.reduce((a, b) =>
        Math.abs(Math.log(a.said / a.left)) > Math.abs(Math.log(b.said / b.left)) ? a : b
      );
      const ratio = worst.said / worst.left;
      assert.ok(
        ratio > 2 / 3 && ratio < 4 / 3,
        `${(100 * worst.share).toFixed(0)} %: said ${worst.said.toFixed(0)} s, were ${
          worst.left.toFixed(0)
        } s`,
      );
    });
  }

  Deno.test(`the estimate before suite ${name} is right within 30 % on the machine of its records`, () => {
    const cells = cellsOf(units);
    const estimate = wallSeconds(cells.map(({ tasks }) => totalSeconds(tasks)), 2);
    const { end } = replay(cells);
    assert.ok(Math.abs(estimate / end - 1) < 0.3, `said ${estimate.toFixed(0)} s, took ${end.toFixed(0)} s`);
  });
}

Deno.test("every method of the suite methods is in the table of costs", () => {
  for (const { method } of recorded.methods) assert.ok(isMeasured(method), method);
  const counted = new Set(recorded.methods.map(({ method }) => JSON.stringify(planned(method, 10, units))));
  assert.ok(counted.size > 60, "methods differ in what they cost");
});

Deno.test("workDone() grows through phases and tasks from 0 to the whole", () => {
  const tasks = [{ learn: 3, evaluate: 1 }, { learn: 3, evaluate: 2 }];
  const at = (phase: Progress["phase"], task: number, step: number, steps: number) =>
    workDone(tasks, { phase, task, tasks: 2, step, steps });
  assert.deepEqual([
    at("train", 0, 0, 4),
    at("train", 0, 2, 4),
    at("train", 0, 4, 4),
    at("evaluate", 0, 0, 1),
    at("evaluate", 0, 1, 1),
    at("train", 1, 0, 4),
    at("evaluate", 1, 1, 1),
  ], [0, 1.5, 3, 3, 4, 4, 9]);
});

Deno.test("what an earlier run or another process had done is no sign of speed", () => {
  let now = 0;
  const tasks = [{ learn: 50, evaluate: 0 }, { learn: 50, evaluate: 0 }];
  const time = new TimeLeft([0, 1, 2].map((id) => ({ id, tasks })), 1, () => now);
  const halfway = { phase: "train", task: 1, tasks: 2, step: 0, steps: 10 } as const;
  time.update(0, halfway);
  time.finish(1);
  now = 25;
  time.update(0, { ...halfway, step: 5 });
  // A quarter of cell 0 took 25 s: half the speed that was planned is not in it.
  assert.ok(Math.abs(time.seconds - 125) < 5, `${time.seconds}`);
});
