/**
 * Workers that measure and run jobs. A job that fails does not stop the others; a worker that fails to start does.
 *
 * @module
 */
import type { Units } from "./costs.ts";
import type { Job, WorkerReply, WorkerRequest, WorkerSetup } from "./jobs.ts";

/** Milliseconds before cells that others run are tried again. */
const RETRY = 500;
/** Milliseconds that a worker has to end its step before it is ended. */
const GRACE = 3000;

/** How a job ended. */
export interface JobResult {
  readonly job: Job;
  readonly status: "done" | "failed" | "error";
  readonly message?: string;
}

/** Workers that are ready. */
export interface Pool {
  /**
   * How fast cells are while all workers are at work.
   *
   * @param images To come in training steps, of all workers
   */
  measure(images: number): Promise<Units>;
  /**
   * Runs all jobs. A job that somebody else runs is put off until nothing else is left, and then waited for.
   *
   * @param onReply Told of a job that others run once
   * @param results Takes the results in the order in which jobs end
   * @throws {Error} If a worker stops by itself
   */
  run(jobs: readonly Job[], onReply: (reply: WorkerReply) => void, results: JobResult[]): Promise<void>;
  /** Ends cells in progress at their next step, and lets go of their claims; `run` is not heard of any more. */
  stop(): Promise<void>;
  /** Ends the workers at once. */
  close(): void;
}

/** One worker, and who listens to it. */
interface Hand {
  readonly worker: Worker;
  send(request: WorkerRequest): void;
  listen(onReply: (reply: WorkerReply) => void, onFailure: (error: Error) => void): void;
}

function createHand(): Hand {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return {
    worker,
    send: (request) => worker.postMessage(request),
    listen(onReply, onFailure) {
      worker.onmessage = ({ data: reply }: MessageEvent<WorkerReply>) => onReply(reply);
      worker.onerror = (event) => {
        event.preventDefault();
        onFailure(new Error(`Worker stopped: ${event.message}`));
      };
    },
  };
}

/** Sends a request and waits for one kind of reply. */
function ask<Kind extends WorkerReply["kind"]>(
  hand: Hand,
  request: WorkerRequest,
  kind: Kind,
): Promise<Extract<WorkerReply, { readonly kind: Kind }>> {
  return new Promise((resolve, reject) => {
    hand.listen((reply) => {
      if (reply.kind === kind) resolve(reply as Extract<WorkerReply, { readonly kind: Kind }>);
      if (reply.kind === "error" && reply.id === undefined) reject(new Error(reply.message));
    }, reject);
    hand.send(request);
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Starts workers.
 *
 * @throws {Error} If one cannot start; the others are stopped, too
 */
export async function openPool(workers: number, setup: WorkerSetup): Promise<Pool> {
  const hands = Array.from({ length: workers }, createHand);
  const close = () => hands.forEach(({ worker }) => worker.terminate());
  try {
    await Promise.all(hands.map((hand) => ask(hand, { kind: "setup", setup }, "ready")));
  } catch (error) {
    close();
    throw error;
  }
  return {
    close,
    async measure(images) {
      const request = { kind: "measure", images: images / workers } as const;
      const replies = await Promise.all(hands.map((hand) => ask(hand, request, "measured")));
      return {
        step: mean(replies.map(({ units }) => units.step)),
        forward: mean(replies.map(({ units }) => units.forward)),
      };
    },
    run: (jobs, onReply, results) => runJobs(hands, jobs, onReply, results),
    async stop() {
      const stopped = Promise.all(hands.map((hand) => ask(hand, { kind: "stop" }, "stopped")));
      let timer: ReturnType<typeof setTimeout> | undefined;
      const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, GRACE));
      await Promise.race([stopped.catch(() => {}), patience]);
      clearTimeout(timer);
      close();
    },
  };
}

async function runJobs(
  hands: readonly Hand[],
  jobs: readonly Job[],
  onReply: (reply: WorkerReply) => void,
  results: JobResult[],
): Promise<void> {
  const waiting = [...jobs];
  const busy: Job[] = [];
  const announced = new Set<number>();
  const serve = (hand: Hand): Promise<void> =>
    new Promise((resolve, reject) => {
      let current: Job | undefined;
      const next = () => {
        current = waiting.shift();
        if (current) hand.send({ kind: "run", job: current });
        else if (busy.length > 0) {
          setTimeout(() => {
            waiting.push(...busy.splice(0));
            next();
          }, RETRY);
        } else resolve();
      };
      hand.listen((reply) => {
        if (reply.kind === "busy") {
          if (!announced.has(reply.id)) onReply(reply);
          announced.add(reply.id);
          busy.push(current!);
          return next();
        }
        onReply(reply);
        if (reply.kind !== "done" && reply.kind !== "error") return;
        results.push({
          job: current!,
          status: reply.kind === "error" ? "error" : reply.status,
          ...(reply.message !== undefined && { message: reply.message }),
        });
        next();
      }, reject);
      next();
    });
  await Promise.all(hands.map(serve));
}
