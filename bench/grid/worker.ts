/**
 * Runs cells, one after another, in a thread of its own.
 *
 * @module
 */
import { createStream } from "../../src/data/mod.ts";
import { createExecutor } from "../../src/executors/mod.ts";
import { createMethod } from "../../src/methods/mod.ts";
import { ClaimedError, createFileStore, type Progress, runCell } from "../../src/protocol/mod.ts";
import { Engine } from "../../src/train/mod.ts";
import { measureUnits } from "./measure.ts";
import { CELL_THREADS, type Job, type WorkerReply, type WorkerRequest, type WorkerSetup } from "./jobs.ts";

/** Seconds between two progress messages of one phase. */
const PROGRESS_INTERVAL = 0.1;

const scope = self as unknown as {
  onmessage: (event: MessageEvent<WorkerRequest>) => void;
  postMessage(reply: WorkerReply): void;
};

/** In seconds. */
const now = () => performance.now() / 1000;

/** Ends a cell that was asked to stop. */
class Stop extends Error {}

let stopping = false;
let busy = false;

let running: Promise<{ readonly setup: WorkerSetup; readonly engine: Engine }> | undefined;

async function start(setup: WorkerSetup) {
  const { backend, backbone, dataset } = setup;
  const { executor } = await createExecutor(backend, { threads: CELL_THREADS });
  // One for all cells, so that none compiles what another has compiled.
  return { setup, engine: new Engine(executor, backbone, dataset) };
}

async function run(job: Job): Promise<void> {
  const { setup, engine } = await running!;
  const { dataset, backbone, settings, environment, source, out, keepAdapters, fresh, machine } = setup;
  let last = 0;
  let phase: Progress["phase"] | undefined;
  const record = await runCell({
    method: createMethod(job.method),
    stream: createStream(dataset, job.stream),
    backbone,
    executor: engine.executor,
    engine,
    settings,
    trainSeed: job.trainSeed,
    ...(job.evaluate !== undefined && { evaluate: job.evaluate }),
    environment,
    source,
    keepAdapters,
    fresh,
    store: await createFileStore(out, job.name, {
      owner: crypto.randomUUID(),
      machine,
      onWait: (seconds) => {
        const text = `another machine may be running it; watching for ${seconds} s`;
        scope.postMessage({ kind: "notice", id: job.id, text });
      },
    }),
    onNotice: (text) => scope.postMessage({ kind: "notice", id: job.id, text }),
    clock: now,
    onProgress(progress) {
      if (stopping) throw new Stop();
      if (progress.phase === phase && now() - last < PROGRESS_INTERVAL) return;
      last = now();
      phase = progress.phase;
      scope.postMessage({ kind: "progress", id: job.id, progress });
    },
  });
  const { status, failure } = record.end!;
  scope.postMessage({ kind: "done", id: job.id, status, ...(failure && { message: failure.message }) });
}

async function measure(images: number): Promise<void> {
  const { setup, engine } = await running!;
  const units = await measureUnits(engine, setup.dataset, setup.settings, images, now);
  scope.postMessage({ kind: "measured", units });
}

async function answer(request: WorkerRequest): Promise<void> {
  switch (request.kind) {
    case "setup":
      running = start(request.setup);
      await running;
      return scope.postMessage({ kind: "ready" });
    case "measure":
      return await measure(request.images);
    case "run":
      busy = true;
      return await run(request.job).finally(() => busy = false);
    case "stop":
      stopping = true;
      if (!busy) scope.postMessage({ kind: "stopped" });
  }
}

scope.onmessage = async ({ data: request }) => {
  try {
    await answer(request);
    if (stopping && request.kind === "run") scope.postMessage({ kind: "stopped" });
  } catch (error) {
    if (error instanceof Stop) return scope.postMessage({ kind: "stopped" });
    if (error instanceof ClaimedError && request.kind === "run") {
      return scope.postMessage(stopping ? { kind: "stopped" } : { kind: "busy", id: request.job.id });
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    scope.postMessage({
      kind: "error",
      ...(request.kind === "run" && { id: request.job.id }),
      message,
      ...(stack !== undefined && { stack }),
    });
  }
};
