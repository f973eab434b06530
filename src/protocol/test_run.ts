/**
 * Runs of tiny cells, and stores that fail, for tests of the task loop.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import type { Method } from "../methods/method.ts";
import { createMethod } from "../methods/mod.ts";
import { tinyBackbone, tinyLora } from "../train/test_kit.ts";
import type { RunOptions } from "./run.ts";
import { type ProtocolSettings, resolveSettings } from "./settings.ts";
import { type CellStore, createMemoryStore } from "./store.ts";

/** Six classes of images of 8x8 pixels. */
export const dataset = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 4, testPerClass: 3, size: 8 });
/** Takes them. */
export const backbone = tinyBackbone();
/** Shared by all tests. */
export const executor = createReferenceExecutor();

/** What `runCell` takes, for a tiny cell in memory under a clock of its own. */
export function optionsOf(
  method: string | Method,
  { settings, tasks = 3, orderSeed = 0, ...changes }:
    & Partial<Omit<RunOptions, "method" | "settings" | "stream">>
    & { settings?: Partial<ProtocolSettings>; tasks?: number; orderSeed?: number } = {},
): RunOptions {
  let now = 0;
  return {
    method: typeof method === "string" ? createMethod(method) : method,
    stream: createStream(dataset, { tasks, orderSeed }),
    backbone,
    executor,
    settings: resolveSettings({
      rank: tinyLora.rank,
      alpha: 1,
      targets: tinyLora.targets,
      epochs: 1,
      batchSize: 4,
      learningRate: 1e-2,
      ...settings,
    }),
    trainSeed: 0,
    environment: { device: "test" },
    store: createMemoryStore(),
    clock: () => now++,
    ...changes,
  };
}

/** Thrown by `killedAt`. */
export class Killed extends Error {}

/** A store whose n-th call is the last: it has its effect, none, or (an append) half of it. */
export function killedAt(store: CellStore, call: number, effect: "none" | "half" | "whole"): CellStore {
  let calls = 0;
  const pass = async <T>(run: () => Promise<T>, half: () => Promise<void> = async () => {}): Promise<T> => {
    if (calls > call) throw new Killed();
    if (calls++ < call) return await run();
    if (effect === "whole") await run();
    if (effect === "half") await half();
    throw new Killed();
  };
  return {
    readRecord: () => pass(() => store.readRecord()),
    writeRecord: (text) => pass(() => store.writeRecord(text)),
    appendRecord: (line) =>
      pass(() => store.appendRecord(line), () => store.appendRecord(line.slice(0, line.length / 2))),
    readSnapshot: () => pass(() => store.readSnapshot()),
    writeSnapshot: (bytes) => pass(() => store.writeSnapshot(bytes)),
    removeSnapshot: () => pass(() => store.removeSnapshot()),
    setAside: (what) => pass(() => store.setAside(what)),
  };
}
