import assert from "node:assert/strict";
import type { Job } from "./jobs.ts";
import { createProgressView, formatDuration, shareDone } from "./progress.ts";

Deno.test("formatDuration() has hours only if there are any", () => {
  assert.deepEqual([0, 5.4, 59.6, 3599, 3600, 7325, -1].map(formatDuration), [
    "0:00",
    "0:05",
    "1:00",
    "59:59",
    "1:00:00",
    "2:02:05",
    "0:00",
  ]);
});

Deno.test("shareDone() grows through phases and tasks from 0 to 1", () => {
  const at = (phase: "train" | "evaluate", task: number, step: number, steps: number) =>
    shareDone({ phase, task, tasks: 2, step, steps });
  const shares = [
    at("train", 0, 0, 4),
    at("train", 0, 2, 4),
    at("train", 0, 4, 4),
    at("evaluate", 0, 0, 2),
    at("evaluate", 0, 1, 2),
    at("evaluate", 0, 2, 2),
    at("train", 1, 0, 4),
    at("evaluate", 1, 2, 2),
  ];
  assert.deepEqual(shares, shares.toSorted((a, b) => a - b));
  assert.deepEqual([shares[0], shares[5], shares[6], shares[7]], [0, 0.5, 0.5, 1]);
});

Deno.test({
  name: "createProgressView() writes a line for each cell, with the time that is left",
  // On a terminal there are bars.
  ignore: Deno.stderr.isTerminal(),
  fn() {
    const job = (id: number): Job => ({
      id,
      method: "ham",
      stream: { tasks: 2, orderSeed: 0 },
      trainSeed: 0,
      name: `${id}`,
    });
    const plan = [1, 3].map((work, id) => ({ job: job(id), label: `cell ${id}`, work }));
    let now = 100;
    const lines: string[] = [];
    const view = createProgressView(plan, () => now, (text) => void lines.push(text));
    view.update(job(1), { phase: "train", task: 0, tasks: 2, step: 1, steps: 2 });
    now += 10;
    view.finish(job(0), "done");
    now += 30;
    view.finish(job(1), "Training diverged");
    view.stop();
    // A quarter of the work is done, and 0.175 of the other three.
    const left = formatDuration(10 * (1 - (0.25 + 0.75 * 0.175)) / (0.25 + 0.75 * 0.175));
    assert.deepEqual(lines, [
      `[1/2] cell 0: done (0:10, ${left} left)\n`,
      "[2/2] cell 1: Training diverged (0:40)\n",
    ]);
  },
});
