/**
 * The only task loop. Every fact is appended to the cell's record as it happens; after each task a snapshot makes
 * the run resumable, so that a kill at any moment loses at most the task in progress.
 *
 * @module
 */
import { DivergenceError, InputError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import { createKeeper, hasAdapters } from "./artifacts.ts";
import { CellRun, type RunOptions } from "./cell_run.ts";
import { ClaimedError } from "./claim.ts";
import { checkNames } from "./records/limits.ts";
import { parseCurrent, UnknownEditionError } from "./records/parse.ts";
import {
  type Cell,
  cellName,
  EDITION,
  type EndFacts,
  type Environment,
  type RecordEvent,
  type RunRecord,
  type StartEvent,
  type TaskEvent,
} from "./records/record.ts";
import { seal } from "./records/seal.ts";
import { checkReturning } from "./returning.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";

export type { Progress, RunOptions } from "./cell_run.ts";

/** The identity of a run: everything its numbers depend on. */
export function cellOf(
  options: Pick<RunOptions, "method" | "stream" | "backbone" | "settings" | "trainSeed" | "evaluate"> & {
    readonly backend: string;
  },
): Cell {
  const { method, stream, backbone, settings, trainSeed, evaluate, backend } = options;
  const { name, fingerprint, classNames, train, test } = stream.dataset;
  return {
    edition: EDITION,
    method: method.name,
    options: method.options,
    dataset: { name, fingerprint, classes: classNames.length, train: train.count, test: test.count },
    backbone: { id: backbone.id, hash: backbone.hash },
    backend,
    tasks: stream.tasks.length,
    ...stream.cut,
    ...(evaluate !== undefined && evaluate !== "all" && { evaluate }),
    orderSeed: stream.orderSeed,
    trainSeed,
    streamHash: stream.hash,
    settings,
  };
}

/**
 * Runs a cell, or what is left of it. A damaged record or snapshot is set aside, and the cell is run again.
 *
 * @returns The record. If training diverges or the deployed model gives no numbers, the record ends as failed
 * @throws {ClaimedError} If somebody else is running the cell
 * @throws {InputError} If method, data set or backbone have names that no record may have, or the method needs new
 * classes where they come back
 * @throws {UnknownEditionError} If the record is of an edition that this program does not know
 */
export async function runCell(options: RunOptions): Promise<RunRecord> {
  if (!options.store.claim) return await runClaimed(options);
  const claim = await options.store.claim();
  if (!claim) {
    throw new ClaimedError(`Cannot run a cell of ${options.method.name}: somebody else is running it`);
  }
  try {
    return await runClaimed(options);
  } finally {
    await claim.release();
  }
}

async function runClaimed(options: RunOptions): Promise<RunRecord> {
  const cell = cellOf({ ...options, backend: options.executor.info.backend });
  checkNames(cell);
  checkReturning([options.method], options.stream);
  const keeper = options.keepAdapters
    ? createKeeper(options.store, { backbone: cell.backbone, cell: cellName(cell) })
    : undefined;
  const found = await findProgress(options, cell);
  if (found.record?.end) {
    // A kill may have come after the last line.
    await options.store.removeSnapshot();
    return found.record;
  }
  const { environment, source } = options;
  const start = found.record?.start ??
    seal({ event: "start" as const, cell, environment, ...(source && { source }) });
  const tasks = [...(found.record?.tasks ?? [])];
  await options.store.writeRecord([start, ...tasks].map(lineOf).join(""));

  const run = new CellRun(options, found.snapshot?.state, keeper);
  const { ownClassifier } = run;
  if (ownClassifier !== undefined && tasks.length === 0) {
    const { head } = options.settings;
    options.onNotice?.(
      `${options.method.name} has a classifier of its own, ${ownClassifier}: head ${head} is not used`,
    );
  }
  let failure: EndFacts["failure"];
  try {
    while (tasks.length < cell.tasks) {
      const facts = await run.task(tasks.length);
      const isElsewhere = canonicalJson(environment) !== canonicalJson(lastEnvironment(start, tasks));
      const event = seal({ ...facts, ...(isElsewhere && { environment }) }, tasks.at(-1) ?? start);
      tasks.push(event);
      await options.store.appendRecord(lineOf(event));
      await options.store.writeSnapshot(encodeSnapshot(cell, { tasks: tasks.length, state: run.state }));
    }
    await run.keepDeployed();
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    failure = { message: error.message, task: tasks.length, step: error.step };
  } finally {
    await run.dispose();
  }
  const facts: EndFacts = {
    event: "end",
    status: failure ? "failed" : "done",
    ...(failure && { failure }),
    details: { ...options.executor.info.details },
  };
  const end = seal(facts, tasks.at(-1) ?? start);
  await options.store.appendRecord(lineOf(end));
  await options.store.removeSnapshot();
  return { start, tasks, end };
}

/** Where the last task took place. */
function lastEnvironment({ environment }: StartEvent, tasks: readonly TaskEvent[]): Environment {
  return tasks.findLast((task) => task.environment)?.environment ?? environment;
}

function lineOf(event: RecordEvent): string {
  return `${canonicalJson(event)}\n`;
}

/**
 * The finished tasks of an earlier run of the same cell, if its record and its snapshot can be matched. A run that
 * keeps adapters starts over where an earlier one did not keep them.
 */
async function findProgress(
  options: Pick<RunOptions, "store" | "keepAdapters" | "fresh" | "onNotice">,
  cell: Cell,
): Promise<{ record?: RunRecord; snapshot?: Snapshot }> {
  const { store, keepAdapters = false, fresh = false } = options;
  const text = fresh ? undefined : await store.readRecord();
  if (text === undefined) return {};
  const cut = text.endsWith("\n") || !text.includes("\n") ? "" : "; the last line of its record was cut off";
  const again = (why: string) => (options.onNotice?.(`${why}${cut}: the cell is run again`), {});
  if (!text.includes("\n")) return again("no line of its record is whole");
  const record = await whole("record", options, () => parseCurrent(text, cellName(cell)));
  if (!record) return {};
  if (canonicalJson(record.start.cell) !== canonicalJson(cell)) return {};
  if (keepAdapters && !await hasAdapters(store, record)) return {};
  const done = record.tasks.length;
  // Without adapters to keep, nothing is left to do after the last task but to say that it ended.
  if (record.end || (done === cell.tasks && !keepAdapters)) return { record };
  const bytes = await store.readSnapshot();
  if (!bytes) {
    return done === 0
      ? {}
      : again(`${done} of ${cell.tasks} tasks are done, but no snapshot is there to go on from`);
  }
  const snapshot = await whole("snapshot", options, () => decodeSnapshot(cell, bytes));
  if (!snapshot) return {};
  // The kill may have come between a line and its snapshot: the snapshot decides.
  if (snapshot.tasks > done) {
    return again(`${snapshot.tasks} tasks were done, of which its record has ${done}`);
  }
  options.onNotice?.(`goes on after ${snapshot.tasks} of ${cell.tasks} tasks${cut}`);
  return {
    record: { start: record.start, tasks: record.tasks.slice(0, snapshot.tasks) },
    snapshot,
  };
}

/** What a reader makes of a file; `undefined` if it is damaged, after setting it aside. */
async function whole<T>(
  what: "record" | "snapshot",
  { store, onNotice }: Pick<RunOptions, "store" | "onNotice">,
  read: () => T,
): Promise<T | undefined> {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError) || error instanceof UnknownEditionError) throw error;
    const name = await store.setAside(what);
    onNotice?.(`${error.message}; it is kept as ${name}, and the cell is run again`);
    return undefined;
  }
}
