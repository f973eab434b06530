/**
 * Live progress of a benchmark: bars on a terminal, plain lines elsewhere.
 *
 * @module
 */
import { Writable } from "node:stream";
import cliProgress from "cli-progress";
import type { Progress } from "../../src/protocol/mod.ts";
import type { TaskCost } from "./costs.ts";
import type { Job } from "./jobs.ts";
import { TimeLeft } from "./time_left.ts";

/** Shows how far a benchmark is. */
export interface ProgressView {
  update(job: Job, progress: Progress): void;
  /** @param isWell Whether the cell has a result */
  finish(job: Job, outcome: string, isWell?: boolean): void;
  /** Says something about a job. */
  note(job: Job, text: string): void;
  /** Ends the display, in whatever state it is. */
  stop(): void;
}

/** A job and what it takes. */
export interface PlannedWork {
  readonly job: Job;
  readonly label: string;
  /** Seconds, as far as they can be counted. */
  readonly work: number;
  /** Its parts. */
  readonly tasks: readonly TaskCost[];
}

/** How a benchmark is shown. */
export interface ViewOptions {
  /** Cells at a time. */
  readonly workers: number;
  /** Bars, lines, or only what went wrong. */
  readonly style: "bars" | "lines" | "quiet";
  /** Seconds. */
  clock(): number;
  /** Takes the lines. */
  write(text: string): void;
}

/** `1:02:03`, `4:05`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function describe({ phase, task, tasks, step, steps }: Progress): string {
  return `task ${task + 1}/${tasks} ${phase} ${step}/${steps}`;
}

/** Bars that change in place, lines, or errors only. */
export function createProgressView(
  plan: readonly PlannedWork[],
  { workers, style, clock, write }: ViewOptions,
): ProgressView {
  const labels = new Map(plan.map(({ job, label }) => [job.id, label]));
  const time = new TimeLeft(plan.map(({ job, tasks }) => ({ id: job.id, tasks })), workers, clock);
  const overall = () => {
    const done = time.share;
    return {
      done,
      elapsed: time.elapsed,
      left: done < 1 ? `, ${formatDuration(time.seconds)} left` : "",
    };
  };
  const view = style === "bars" ? createBars(plan.length, overall) : createLines(plan.length, overall, write);
  const isQuiet = style === "quiet";
  return {
    update(job, progress) {
      time.update(job.id, progress);
      view.update(labels.get(job.id)!, time.shareOf(job.id), describe(progress));
    },
    finish(job, outcome, isWell = true) {
      time.finish(job.id);
      if (!isQuiet) view.finish(labels.get(job.id)!, outcome);
      else if (!isWell) write(`${labels.get(job.id)!}: ${outcome}\n`);
    },
    note(job, text) {
      if (!isQuiet) view.note(labels.get(job.id)!, text);
    },
    stop: () => view.stop(),
  };
}

type Overall = () => { readonly done: number; readonly elapsed: number; readonly left: string };

/** Standard error without a queue: what was written is there, even if the program ends next. */
function terminal(): Writable {
  const stream = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      for (let bytes = chunk; bytes.length > 0;) bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
      done();
    },
  });
  return Object.defineProperties(stream, {
    isTTY: { value: true },
    columns: { get: () => Deno.consoleSize().columns },
  });
}

function createBars(count: number, overall: Overall) {
  const bars = new cliProgress.MultiBar({
    format: "{bar} {percentage}% {label} {detail}",
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    // Signals are the command's to handle.
    gracefulExit: false,
    stream: terminal(),
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
    stop() {
      if (!bars.isActive) return;
      // What was said last is still to be shown.
      bars.update();
      bars.stop();
    },
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
