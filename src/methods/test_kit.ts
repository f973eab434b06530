/**
 * A kit without a model, for tests of methods: training is a seeded step away from the start, the Fisher information
 * is seeded squares, merges run on the reference executor. Deterministic, so that equal states mean equal methods.
 *
 * @module
 */
import { createRng } from "../core/rng.ts";
import { decodeState, encodeState, type StateValue } from "../core/state.ts";
import { hostTensor } from "../core/tensors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { createMerger } from "../merge/merger.ts";
import { mapPairs } from "../merge/delta.ts";
import { type Adapter, adapterToTensors, createAdapter, type LoraSpec } from "../nn/adapter.ts";
import type { ViTConfig } from "../nn/config.ts";
import type { Kit, Method, TaskView, Trained, Training } from "./method.ts";

/** The smallest transformer that has everything. */
export const tinyConfig: ViTConfig = {
  image: 8,
  patch: 4,
  channels: 1,
  width: 8,
  depth: 2,
  heads: 2,
  mlp: 16,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};

/** Adapters of two shapes. */
export const tinyLora: LoraSpec = { rank: 2, scale: 0.5, targets: ["q", "v", "fc1"] };

/** A kit whose random streams belong to a seed. */
export function createTestKit(seed = 0): Kit {
  return {
    config: tinyConfig,
    lora: tinyLora,
    rng: (purpose) => createRng(seed, purpose),
    freshAdapter: (purpose) => createAdapter(tinyConfig, tinyLora, createRng(seed, `adapter ${purpose}`)),
    merger: createMerger(createReferenceExecutor()),
    fisher(adapter, task, samples) {
      const rng = createRng(seed, `fisher ${task.index} ${samples}`);
      const squares = Object.entries(adapterToTensors(adapter)).map(([name, { shape, data }]) =>
        [name, hostTensor(shape, data.map(() => rng.normal() ** 2))] as const
      );
      return Promise.resolve(Object.fromEntries(squares));
    },
  };
}

/** A task with one image per class. */
export function testTask(index: number): TaskView {
  const classes = [2 * index, 2 * index + 1];
  return {
    index,
    classes,
    train: { images: new Uint8Array(2 * 64), labels: Int32Array.from(classes), count: 2 },
  };
}

/** What stands for training on a task. */
export type FakeTraining = (training: Training, task: TaskView) => Adapter;

/** Every factor a small random step away from its start; the importance too, if it trains. */
export function randomStep(seed = 0): FakeTraining {
  return ({ start, trainImportance = false }, { index }) => {
    const rng = createRng(seed, `train ${index}`);
    const moved = mapPairs(start, ({ a, b }) => ({
      a: { ...a, data: a.data.map((value) => value + 0.1 * rng.normal()) },
      b: { ...b, data: b.data.map((value) => value + 0.1 * rng.normal()) },
    }));
    const importance = trainImportance
      ? Math.fround(start.importance + 0.1 * rng.normal())
      : start.importance;
    return { ...moved, importance };
  };
}

/** A run's state after each task. */
export interface TestRun {
  readonly states: readonly StateValue[];
  readonly trained: readonly Trained[];
  readonly deployed: Adapter | undefined;
}

/** Options of a test run. */
export interface TestRunOptions {
  readonly tasks: number;
  readonly kit?: Kit;
  readonly train?: FakeTraining;
  /** Whether the state goes through bytes at every task boundary. */
  readonly viaBytes?: boolean;
  /** Sees what the method asks for. */
  onTraining?(training: Training, task: TaskView): void;
}

/** The task loop without a model. A joint method trains once, as in the protocol. */
export async function runMethod(
  method: Method,
  { tasks, kit = createTestKit(), train = randomStep(), viaBytes = false, onTraining }: TestRunOptions,
): Promise<TestRun> {
  const pass = (state: StateValue) => viaBytes ? decodeState(encodeState(state)) : state;
  const rounds = method.trains === "never" ? 0 : method.trains === "joint" ? 1 : tasks;
  const states: StateValue[] = [pass(method.init(kit))];
  const trained: Trained[] = [];
  for (let index = 0; index < rounds; index++) {
    const task = testTask(index);
    const state = states.at(-1)!;
    const training = await method.begin(state, task, kit);
    onTraining?.(training, task);
    const gains = training.frozen?.gains ?? [];
    const rng = createRng(0, `gains ${index}`);
    trained.push({
      adapter: train(training, task),
      gains: training.frozen?.trainGains
        ? gains.map((gain) => Math.fround(gain + 0.1 * rng.normal()))
        : gains,
    });
    states.push(pass(await method.end(state, task, trained.at(-1)!, kit)));
  }
  return { states, trained, deployed: await method.deploy(states.at(-1)!, kit) };
}
