/**
 * How long it still takes: what is counted to be left, at the speed seen so far.
 *
 * @module
 */
import type { Progress } from "../../src/protocol/mod.ts";
import { type TaskCost, totalSeconds } from "./costs.ts";

/** Share of the whole work by which the estimate before the run outweighs what is seen. */
const PRIOR = 0.02;

/** Counted seconds that are behind a cell at some progress. */
export function workDone(tasks: readonly TaskCost[], { phase, task, step, steps }: Progress): number {
  const before = totalSeconds(tasks.slice(0, task));
  const { learn, evaluate } = tasks[task] ?? { learn: 0, evaluate: 0 };
  const within = Math.min(1, step / Math.max(1, steps));
  return before + (phase === "train" ? within * learn : learn + within * evaluate);
}

/** A job while it is known of. */
interface Known {
  readonly work: number;
  readonly tasks: readonly TaskCost[];
  /** What an earlier run had done. */
  skipped: number;
  done: number;
  state: "waiting" | "running" | "finished";
}

/** Follows a plan of jobs, in counted seconds. */
export class TimeLeft {
  readonly #jobs: Map<number, Known>;
  readonly #workers: number;
  readonly #began: number;
  readonly #clock: () => number;
  readonly #total: number;

  /**
   * A plan nothing of which is done.
   *
   * @param clock Seconds
   */
  constructor(
    plan: readonly { readonly id: number; readonly tasks: readonly TaskCost[] }[],
    workers: number,
    clock: () => number,
  ) {
    this.#jobs = new Map(plan.map(({ id, tasks }) => [id, {
      work: totalSeconds(tasks),
      tasks,
      skipped: 0,
      done: 0,
      state: "waiting",
    }]));
    this.#total = [...this.#jobs.values()].reduce((sum, { work }) => sum + work, 0);
    this.#workers = Math.min(workers, plan.length);
    this.#clock = clock;
    this.#began = clock();
  }

  /** Notes how far a job is. */
  update(id: number, progress: Progress): void {
    const job = this.#jobs.get(id)!;
    const done = workDone(job.tasks, progress);
    if (job.state === "waiting") job.skipped = done;
    job.state = "running";
    job.done = Math.max(job.done, done);
  }

  /** Notes that a job has ended. */
  finish(id: number): void {
    const job = this.#jobs.get(id)!;
    // Nothing was heard of it: others had finished it.
    if (job.state === "waiting") job.skipped = job.work;
    job.state = "finished";
    job.done = job.work;
  }

  /** Share of a job that is done. */
  shareOf(id: number): number {
    const { done, work } = this.#jobs.get(id)!;
    return work > 0 ? done / work : 0;
  }

  /** Share of all work that is done. */
  get share(): number {
    const done = [...this.#jobs.values()].reduce((sum, job) => sum + job.done, 0);
    return this.#total > 0 ? done / this.#total : 1;
  }

  /** Seconds since the beginning. */
  get elapsed(): number {
    return this.#clock() - this.#began;
  }

  /**
   * Seconds still to come. Speed is work by time since the beginning, with a little of the estimate before the run
   * mixed in, so that the first minute is not wild; the longest cell that is left is the least it can take.
   */
  get seconds(): number {
    let [done, left, longest] = [0, 0, 0];
    for (const job of this.#jobs.values()) {
      done += job.done - job.skipped;
      left += job.work - job.done;
      longest = Math.max(longest, job.work - job.done);
    }
    const prior = PRIOR * this.#total;
    const speed = (done + prior) / (this.elapsed + prior / this.#workers);
    return Math.max(left / speed, longest * this.#workers / speed);
  }
}

/** Seconds that some jobs take on a number of workers, longest first: the least it can be, which it hardly exceeds. */
export function wallSeconds(works: readonly number[], workers: number): number {
  const total = works.reduce((sum, work) => sum + work, 0);
  return Math.max(total / Math.max(1, Math.min(workers, works.length)), ...works, 0);
}
