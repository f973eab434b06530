/**
 * Runs the cells that wait: workers, what is shown of them, and what a signal does to them.
 *
 * @module
 */
import type { RunRecord } from "../../src/protocol/mod.ts";
import type { Units } from "./costs.ts";
import { describeEnvironment, nameMachine } from "./environment.ts";
import { listenForInterrupts, type StopSignal } from "./interrupt.ts";
import type { Job, WorkerReply } from "./jobs.ts";
import { type LoadedSuite, type PlannedCell, plannedWork, readFinished } from "./plan.ts";
import { type JobResult, openPool, type Pool } from "./pool.ts";
import { createProgressView, type ProgressView, type ViewOptions } from "./progress.ts";
import { wallSeconds } from "./time_left.ts";

/** How cells are run. */
export interface CellsOptions {
  readonly out: string;
  readonly workers: number;
  readonly keepAdapters: boolean;
  readonly fresh: boolean;
  readonly style: ViewOptions["style"];
  /** Takes lines of progress. */
  write(text: string): void;
  /** Told how long it takes, before it begins. */
  onEstimate?(estimate: Estimate): void;
}

/** How long cells take, by a look at the machine. */
export interface Estimate {
  readonly seconds: number;
  readonly units: Units;
}

/** What came of it. */
export interface CellsOutcome {
  readonly results: readonly JobResult[];
  /** Of the cells that ended. */
  readonly records: readonly RunRecord[];
  /** What ended it, if it was not the last cell. */
  readonly signal?: StopSignal;
}

/** Workers for the cells that wait, and how fast they are. */
async function prepare(
  suite: LoadedSuite,
  waiting: readonly PlannedCell[],
  { out, workers, keepAdapters, fresh, onEstimate }: CellsOptions,
) {
  const { dataset, backbone, info, arithmetic, settings, source } = suite;
  const pool = await openPool(Math.min(workers, waiting.length), {
    dataset,
    backbone,
    backend: info.backend,
    settings,
    environment: await describeEnvironment(info, arithmetic),
    source,
    out,
    keepAdapters,
    fresh,
    machine: await nameMachine(),
  });
  if (!onEstimate) return { pool, units: undefined };
  try {
    const images = waiting.flatMap(({ drivers }) => drivers).reduce((sum, { trained }) => sum + trained, 0);
    const units = await pool.measure(images);
    const works = waiting.map((planned) => plannedWork(planned, suite, units).work);
    onEstimate({ units, seconds: wallSeconds(works, workers) });
    return { pool, units };
  } catch (error) {
    pool.close();
    throw error;
  }
}

/**
 * How long it would take. Nothing is written.
 *
 * @throws {Error} If a worker cannot start
 */
export async function estimateCells(
  suite: LoadedSuite,
  waiting: readonly PlannedCell[],
  workers: number,
): Promise<Estimate> {
  let estimate: Estimate | undefined;
  const { pool } = await prepare(suite, waiting, {
    out: "",
    workers,
    keepAdapters: false,
    fresh: false,
    style: "quiet",
    write: () => {},
    onEstimate: (found) => estimate = found,
  });
  pool.close();
  return estimate!;
}

/**
 * Runs cells, the longest first, until the last has ended or a signal comes.
 *
 * @throws {Error} If a worker cannot start
 */
export async function runCells(
  suite: LoadedSuite,
  waiting: readonly PlannedCell[],
  options: CellsOptions,
): Promise<CellsOutcome> {
  if (waiting.length === 0) return { results: [], records: [] };
  const interrupts = listenForInterrupts();
  let pool: Pool | undefined;
  let view: ProgressView | undefined;
  try {
    const prepared = prepare(suite, waiting, options);
    const ready = await Promise.race([prepared, interrupts.signal]);
    if (typeof ready === "string") {
      prepared.then(({ pool }) => pool.close(), () => {});
      return { results: [], records: [], signal: ready };
    }
    pool = ready.pool;
    const plan = waiting.map((planned) => plannedWork(planned, suite, ready.units));
    // So that no core idles at the end.
    plan.sort((a, b) => b.work - a.work);
    const jobs = new Map(plan.map(({ job }) => [job.id, job]));
    const shown = createProgressView(plan, {
      workers: options.workers,
      style: options.style,
      clock: () => performance.now() / 1000,
      write: options.write,
    });
    view = shown;
    const results: JobResult[] = [];
    const running = pool.run([...jobs.values()], (reply) => show(shown, jobs, reply), results);
    const ended = await Promise.race([running, interrupts.signal]);
    view.stop();
    if (ended !== undefined) await pool.stop();
    const records = await Promise.all(results.map(({ job }) => readFinished(options.out, job)));
    return {
      results,
      records: records.filter((record) => record !== undefined),
      ...(ended !== undefined && { signal: ended }),
    };
  } finally {
    interrupts.dispose();
    view?.stop();
    pool?.close();
  }
}

function show(view: ProgressView, jobs: ReadonlyMap<number, Job>, reply: WorkerReply): void {
  const job = "id" in reply && reply.id !== undefined ? jobs.get(reply.id) : undefined;
  if (!job) return;
  switch (reply.kind) {
    case "progress":
      return view.update(job, reply.progress);
    case "notice":
      return view.note(job, reply.text);
    case "busy":
      return view.note(job, "another process is running it; others come first, then this one waits");
    case "done":
      return view.finish(job, reply.message ?? "done", reply.status === "done");
    case "error":
      return view.finish(job, `stopped: ${reply.message}`, false);
  }
}
