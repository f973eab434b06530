/**
 * Runs jobs on a number of workers. A job that fails does not stop the others; a worker that fails to start does.
 *
 * @module
 */
import type { Job, WorkerReply, WorkerRequest, WorkerSetup } from "./jobs.ts";

/** Milliseconds before cells that others run are tried again. */
const RETRY = 500;

/** How a job ended. */
export interface JobResult {
  readonly job: Job;
  readonly status: "done" | "failed" | "error";
  readonly message?: string;
}

/**
 * Runs all jobs and gives their results in the order they ended. A job that somebody else runs is put off until
 * nothing else is left, and then waited for.
 *
 * @param onReply Told of a job that others run once
 * @throws {Error} If a worker cannot start or stops by itself; the others are stopped, too
 */
export async function runJobs(
  jobs: readonly Job[],
  workers: number,
  setup: WorkerSetup,
  onReply: (reply: WorkerReply) => void,
): Promise<JobResult[]> {
  const waiting = [...jobs];
  const busy: Job[] = [];
  const announced = new Set<number>();
  const results: JobResult[] = [];
  const running: Worker[] = [];
  const serve = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
      running.push(worker);
      const send = (request: WorkerRequest) => worker.postMessage(request);
      let current: Job | undefined;
      const next = () => {
        current = waiting.shift();
        if (current) send({ kind: "run", job: current });
        else if (busy.length > 0) {
          setTimeout(() => {
            waiting.push(...busy.splice(0));
            next();
          }, RETRY);
        } else resolve();
      };
      worker.onmessage = ({ data: reply }: MessageEvent<WorkerReply>) => {
        if (reply.kind === "busy") {
          if (!announced.has(reply.id)) onReply(reply);
          announced.add(reply.id);
          busy.push(current!);
          return next();
        }
        onReply(reply);
        if (reply.kind === "progress" || reply.kind === "notice") return;
        if (reply.kind === "error" && !current) return reject(new Error(reply.message));
        if (reply.kind !== "ready") {
          results.push({
            job: current!,
            status: reply.kind === "error" ? "error" : reply.status,
            ...(reply.message !== undefined && { message: reply.message }),
          });
        }
        next();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Worker stopped: ${event.message}`));
      };
      send({ kind: "setup", setup });
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, serve));
  } finally {
    for (const worker of running) worker.terminate();
  }
  return results;
}
