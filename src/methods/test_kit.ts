/**
 * Kits for tests of methods: the real kit over the reference executor and a tiny backbone; and, for tests that say
 * themselves what training gives, the same kit with its trainings scripted.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { type Classifier, classifiers } from "../classifiers/mod.ts";
import { createRng } from "../core/rng.ts";
import { decodeState, encodeState, type StateValue } from "../core/state.ts";
import { hostTensor } from "../core/tensors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { mapPairs } from "../merge/delta.ts";
import {
  type Adapter,
  adapterFromTensors,
  adapterToTensors,
  IMPORTANCE,
  type LoraSpec,
} from "../nn/adapter.ts";
import { createBackbone } from "../nn/backbone.ts";
import type { ViTConfig } from "../nn/config.ts";
import { randomWeights } from "../nn/testing.ts";
import { Engine } from "../train/engine.ts";
import { adamw } from "../train/optimisers/adamw.ts";
import { GAINS } from "./frozen_branches.ts";
import { createKit } from "./kit.ts";
import type { Fit, Fitted, Kit, Method, Predictor, TaskView } from "./method.ts";

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

/** Classes of all test tasks together. */
export const CLASSES = 64;

const pixels = { mean: [0.5], std: [0.5] };

/** An engine on a tiny backbone of random weights; the same for every pool. */
export function createTestEngine(pool?: ViTConfig["pool"]): Engine {
  const backbone = createBackbone({
    id: "tiny",
    config: { ...tinyConfig, ...(pool && { pool }) },
    weights: randomWeights(tinyConfig),
    pixels,
  });
  return new Engine(createReferenceExecutor(), backbone, { channels: 1, height: 8, width: 8 });
}

const shared = createTestEngine();

/** What a test may settle of a kit. */
export interface TestKitOptions {
  readonly seed?: number;
  readonly task?: number;
  readonly engine?: Engine;
  readonly classifier?: Classifier;
  /** False by default. */
  readonly classesReturn?: boolean;
  /** 2 by default. */
  readonly epochs?: number;
  onTrained?(adapter: Adapter): void;
}

/** The real kit. */
export function createTestKit(options: TestKitOptions = {}): Kit {
  const { seed = 0, task = 0, engine = shared, classifier = classifiers.linear, epochs = 2 } = options;
  return createKit({
    engine,
    lora: tinyLora,
    classes: CLASSES,
    ...(options.classesReturn && { classesReturn: true }),
    classifier,
    training: {
      batch: 2,
      epochs,
      optimiser: adamw(),
      schedule: { learningRate: 0.02, schedule: "cosine", warmup: 0 },
      weightDecay: 0,
    },
    seed,
    task,
    ...(options.onTrained && { onTrained: options.onTrained }),
  });
}

/** A task of two classes with random images. */
export function testTask(index: number, images = 2): TaskView {
  const classes = [2 * index, 2 * index + 1];
  const rng = createRng(index, "images");
  return {
    index,
    classes,
    lossClasses: classes,
    train: {
      images: Uint8Array.from({ length: images * 64 }, () => rng.integer(256)),
      labels: Int32Array.from({ length: images }, (_, i) => classes[i % 2]!),
      count: images,
    },
  };
}

/** A training of one adapter, as a method of one adapter asks for it. */
export interface TestTraining {
  readonly start: Adapter;
  readonly trainImportance: boolean;
  /** Frozen branches, if there are any: slots, their rank, gains of all slots. */
  readonly frozen?: {
    readonly slots: number;
    readonly rank: number;
    readonly gains: readonly number[];
    readonly trainGains: boolean;
  };
  readonly spec: Fit;
}

/** What stands for training on a task. */
export type FakeTraining = (training: TestTraining, task: TaskView) => Adapter;

/** Every factor a small random step away from its start; the importance too, if it trains. */
export function randomStep(seed = 0): FakeTraining {
  return ({ start, trainImportance }, { index }) => {
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

function trainingOf(spec: Fit): TestTraining {
  const { start, fixed = {}, rate = () => 1 } = spec;
  const gains = start[GAINS];
  const [factor] = Object.entries(fixed).filter(([name]) => /^frozen\..*\.A$/.test(name));
  return {
    start: adapterFromTensors(start, tinyLora.scale),
    trainImportance: rate(IMPORTANCE) !== 0,
    ...(gains && {
      frozen: {
        slots: gains.data.length,
        rank: factor![1].shape[0]! / gains.data.length,
        gains: [...gains.data],
        trainGains: rate(GAINS) !== 0,
      },
    }),
    spec,
  };
}

function randomGains({ index }: TaskView, gains: readonly number[]): number[] {
  const rng = createRng(0, `gains ${index}`);
  return gains.map((gain) => gain + 0.1 * rng.normal());
}

/** What stands for the training of anything but one adapter: everything that trains a small random step away. */
function anyStep({ start, rate = () => 1, optimiser, purpose = "" }: Fit, { index }: TaskView): Fitted {
  const rng = createRng(0, `train ${index} ${purpose}`);
  // Sorted, as for a training: a state that was stored gives its tensors in another order than before.
  const sorted = Object.entries(start).sort(([a], [b]) => a < b ? -1 : 1);
  const values = Object.fromEntries(
    sorted.map(([name, { shape, data }]) => {
      const moves = rate(name) !== 0;
      return [name, hostTensor(shape, data.map((value) => moves ? value + 0.1 * rng.normal() : value))];
    }),
  );
  const numbers = Object.values(values).reduce((total, { data }) => total + data.length, 0);
  const slots = Array.from({ length: optimiser?.slots ?? 2 }, () => new Float32Array(numbers));
  return { values, losses: [1], slots };
}

/** The kit with trainings that give what a function says. */
function scripted(
  kit: Kit,
  task: TaskView,
  train: FakeTraining,
  { onTraining, gainsOf = randomGains }: Pick<TestRunOptions, "onTraining" | "gainsOf">,
): Kit {
  return {
    ...kit,
    fit(spec) {
      if (!(IMPORTANCE in spec.start)) return Promise.resolve(anyStep(spec, task));
      const training = trainingOf(spec);
      onTraining?.(training, task);
      const gains = training.frozen?.trainGains &&
        hostTensor([training.frozen.slots], Float32Array.from(gainsOf(task, training.frozen.gains)));
      const values = {
        ...spec.start,
        ...adapterToTensors(train(training, task)),
        ...(gains && { [GAINS]: gains }),
      };
      return Promise.resolve({ values, losses: [1], slots: [] });
    },
  };
}

/** A run's state after each task, from before the first. */
export interface TestRun {
  readonly states: readonly StateValue[];
  /** The method's own part of each. */
  readonly own: readonly StateValue[];
  /** The adapter of each task. */
  readonly trained: readonly Adapter[];
  readonly predictor: Predictor;
  readonly deployed: Adapter | undefined;
}

/** Options of a test run. */
export interface TestRunOptions {
  readonly tasks: number;
  readonly seed?: number;
  readonly engine?: Engine;
  readonly classifier?: Classifier;
  readonly classesReturn?: boolean;
  readonly epochs?: number;
  /** `"really"` trains. */
  readonly train?: FakeTraining | "really";
  /** Whether the state goes through bytes at every task boundary. */
  readonly viaBytes?: boolean;
  taskOf?(index: number): TaskView;
  /** What scripted training makes of gains that train; a random step by default. */
  gainsOf?(task: TaskView, gains: readonly number[]): readonly number[];
  /** Sees what the method asks for, where training is scripted. */
  onTraining?(training: TestTraining, task: TaskView): void;
}

/** The part of a state that is the method's own. */
export function ownState(method: Method, state: StateValue): StateValue {
  const split = method.classifierOf?.(state, createTestKit());
  return split ? split.rest : state;
}

/** The task loop without scores. A bound learns once, as in the protocol. */
export async function runMethod(method: Method, options: TestRunOptions): Promise<TestRun> {
  const { tasks, train = randomStep(), viaBytes = false, taskOf = testTask } = options;
  const pass = (state: StateValue) => viaBytes ? decodeState(encodeState(state)) : state;
  const rounds = method.sees === "all" ? Math.min(1, tasks) : tasks;
  const trained: Adapter[] = [];
  const kitFor = (task: number) =>
    createTestKit({ ...options, task, onTrained: (adapter) => void trained.push(adapter) });
  const states: StateValue[] = [pass(method.init(kitFor(0)))];
  for (let index = 0; index < rounds; index++) {
    const task = taskOf(index);
    const kit = train === "really" ? kitFor(index) : scripted(kitFor(index), task, train, options);
    states.push(pass(await method.learn(states.at(-1)!, task, kit)));
  }
  const predictor = await method.deploy(states.at(-1)!, kitFor(rounds));
  const own = states.map((state) => ownState(method, state));
  return { states, own, trained, predictor, deployed: predictor.merged?.adapter };
}
