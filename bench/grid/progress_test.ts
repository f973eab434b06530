import assert from "node:assert/strict";
import type { Job } from "./jobs.ts";
import { createProgressView, formatDuration } from "./progress.ts";

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

function createPlan() {
  const job = (id: number): Job => ({
    id,
    method: "ham",
    stream: { tasks: 2, orderSeed: 0 },
    trainSeed: 0,
    name: `${id}`,
  });
  return [1, 3].map((learn, id) => {
    const tasks = [{ learn, evaluate: 0 }, { learn, evaluate: 0 }];
    return { job: job(id), label: `cell ${id}`, work: 2 * learn, tasks };
  });
}

function createView(style: "lines" | "quiet") {
  const time = { now: 100 };
  const lines: string[] = [];
  const plan = createPlan();
  const view = createProgressView(plan, {
    workers: 2,
    style,
    clock: () => time.now,
    write: (text) => void lines.push(text),
  });
  return { time, lines, view, jobs: plan.map(({ job }) => job) };
}

Deno.test("createProgressView() writes a line for each cell, with the time that is left, and no escape codes", () => {
  const { time, lines, view, jobs } = createView("lines");
  view.update(jobs[0]!, { phase: "train", task: 0, tasks: 2, step: 0, steps: 2 });
  view.update(jobs[1]!, { phase: "train", task: 0, tasks: 2, step: 0, steps: 2 });
  time.now += 10;
  view.update(jobs[1]!, { phase: "train", task: 0, tasks: 2, step: 1, steps: 2 });
  view.note(jobs[1]!, "remarkable");
  view.finish(jobs[0]!, "done");
  time.now += 30;
  view.finish(jobs[1]!, "Training diverged", false);
  view.stop();
  // 3.5 of 8 in ten seconds, and the longer cell has 4.5 to go, on one of two workers.
  const prior = 0.02 * 8;
  const speed = (3.5 + prior) / (10 + prior / 2);
  assert.deepEqual(lines, [
    "cell 1: remarkable\n",
    `[1/2] cell 0: done (0:10, ${formatDuration(4.5 * 2 / speed)} left)\n`,
    "[2/2] cell 1: Training diverged (0:40)\n",
  ]);
});

Deno.test("createProgressView() says only what went wrong where it is to be quiet", () => {
  const { lines, view, jobs } = createView("quiet");
  view.note(jobs[0]!, "remarkable");
  view.finish(jobs[0]!, "done");
  view.finish(jobs[1]!, "Training diverged", false);
  view.stop();
  assert.deepEqual(lines, ["cell 1: Training diverged\n"]);
});
