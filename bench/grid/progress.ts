/**
 * Live progress of a benchmark: bars on a terminal, plain lines elsewhere.
 *
 * @module
 */
import process from "node:process";
import cliProgress from "cli-progress";
import type { Progress } from "../../src/protocol/mod.ts";
import type { Job } from "./jobs.ts";

/** Shows how far a benchmark is. Work is in arbitrary units; only shares matter. */
export interface ProgressView {
  update(job: Job, progress: Progress): void;
  finish(job: Job, outcome: string): void;
  /** Says something about a job. */
  note(job: Job, text: string): void;
  stop(): void;
}

/** A job and its share of all work. */
export interface PlannedWork {
  readonly job: Job;
  readonly label: string;
  readonly work: number;
}

/** `1:02:03`, `4:05`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** How much of a run is behind it: training takes most of a task, evaluation the rest. */
export function shareDone({ phase, task, tasks, step, steps }: Progress): number {
  const within = step / Math.max(1, steps);
  const done = phase === "train" ? 0.7 * within : 0.7 + 0.3 * within;
  return (task + done) / tasks;
}

function describe({ phase, task, tasks, step, steps }: Progress): string {
  return `task ${task + 1}/${tasks} ${phase} ${step}/${steps}`;
}

/**
 * Bars on a terminal, lines otherwise.
 *
 * @param clock Seconds
 * @param write Takes the lines
 */
export function createProgressView(
  plan: readonly PlannedWork[],
  clock: () => number,
  write: (text: string) => void,
): ProgressView {
  const shares = new Map<number, number>();
  const works = new Map(plan.map(({ job, work, label }) => [job.id, { work, label }]));
  const total = plan.reduce((sum, { work }) => sum + work, 0);
  const began = clock();
  const overall = () => {
    const done = [...shares].reduce((sum, [id, share]) => sum + share * works.get(id)!.work, 0) / total;
    const elapsed = clock() - began;
    const left = done > 0.005 && done < 1 ? `, ${formatDuration(elapsed * (1 - done) / done)} left` : "";
    return { done, elapsed, left };
  };
  const set = (job: Job, share: number) => void shares.set(job.id, share);
  const view = Deno.stderr.isTerminal()
    ? createBars(plan.length, overall)
    : createLines(plan.length, overall, write);
  return {
    update(job, progress) {
      set(job, shareDone(progress));
      view.update(works.get(job.id)!.label, shareDone(progress), describe(progress));
    },
    finish(job, outcome) {
      set(job, 1);
      view.finish(works.get(job.id)!.label, outcome);
    },
    note: (job, text) => view.note(works.get(job.id)!.label, text),
    stop: () => view.stop(),
  };
}

type Overall = () => { readonly done: number; readonly elapsed: number; readonly left: string };

function createBars(count: number, overall: Overall) {
  const bars = new cliProgress.MultiBar({
    format: "{bar} {percentage}% {label} {detail}",
    barsize: 20,
    hideCursor: true,
    clearOnComplete: false,
    stream: process.stderr,
  }, cliProgress.Presets.shades_grey);
  const whole = bars.create(1000, 0, { label: "all", detail: "" });
  const running = new Map<string, ReturnType<typeof bars.create>>();
  let finished = 0;
  const refresh = () => {
    const { done, left } = overall();
    whole.update(Math.round(1000 * done), { detail: `${finished}/${count} cells${left}` });
  };
  return {
    update(label: string, share: number, detail: string) {
      const bar = running.get(label) ?? bars.create(1000, 0, { label, detail });
      running.set(label, bar);
      bar.update(Math.round(1000 * share), { label, detail });
      refresh();
    },
    finish(label: string, outcome: string) {
      const bar = running.get(label);
      if (bar) bars.remove(bar);
      running.delete(label);
      finished++;
      bars.log(`${label}: ${outcome}\n`);
      refresh();
    },
    note: (label: string, text: string) => bars.log(`${label}: ${text}\n`),
    stop: () => bars.stop(),
  };
}

function createLines(count: number, overall: Overall, write: (text: string) => void) {
  let finished = 0;
  return {
    update() {},
    finish(label: string, outcome: string) {
      finished++;
      const { elapsed, left } = overall();
      write(`[${finished}/${count}] ${label}: ${outcome} (${formatDuration(elapsed)}${left})\n`);
    },
    note: (label: string, text: string) => write(`${label}: ${text}\n`),
    stop() {},
  };
}
