/**
 * The only task loop. It alone holds the test images: a method gets a task's training images, trains through the
 * kit, names the adapter to deploy, and is scored on all tasks seen. Every fact is appended to the cell's record;
 * after each task a snapshot makes the run resumable.
 *
 * @module
 */
import { DivergenceError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";
import { createRng } from "../core/rng.ts";
import { decodeState, encodeState, type StateValue } from "../core/state.ts";
import { hostTensor } from "../core/tensors.ts";
import { imageSize, selectImages, type Split } from "../data/dataset.ts";
import type { TaskStream } from "../data/stream.ts";
import type { Executor } from "../executors/executor.ts";
import { createMerger } from "../merge/merger.ts";
import type { Kit, Method, TaskView } from "../methods/method.ts";
import { type Adapter, createAdapter, type LoraSpec } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import type { LinearHead } from "../nn/heads.ts";
import { Trainer } from "../train/trainer.ts";
import { freshHead, predict, setPrototypes } from "./classifier.ts";
import {
  type Cell,
  EDITION,
  type EndEvent,
  type Environment,
  type Evaluation,
  parseRecord,
  type RecordEvent,
  recordHash,
  type RunRecord,
  type StartEvent,
  type TaskEvent,
} from "./record.ts";
import { type HeadPolicy, optimiserOf, type ProtocolSettings } from "./settings.ts";
import type { CellStore } from "./store.ts";

/** What a run is doing, for progress displays. */
export interface Progress {
  readonly phase: "train" | "merge" | "evaluate";
  /** From 0. */
  readonly task: number;
  readonly tasks: number;
  /** Within the phase. */
  readonly step: number;
  readonly steps: number;
}

/** One cell to run. */
export interface RunOptions {
  readonly method: Method;
  readonly stream: TaskStream;
  readonly backbone: Backbone;
  readonly executor: Executor;
  readonly settings: ProtocolSettings;
  readonly trainSeed: number;
  readonly environment: Environment;
  readonly store: CellStore;
  /** Seconds from any origin; only differences are recorded. */
  clock(): number;
  onProgress?(progress: Progress): void | Promise<void>;
}

/** Images per run of the feature program. */
const FEATURE_BATCH = 100;

/** The identity of a run: everything its numbers depend on. */
export function cellOf(
  options: Pick<RunOptions, "method" | "stream" | "backbone" | "settings" | "trainSeed"> & {
    readonly backend: string;
  },
): Cell {
  const { method, stream, backbone, settings, trainSeed, backend } = options;
  const { name, fingerprint, classNames, train, test } = stream.dataset;
  return {
    edition: EDITION,
    method: method.name,
    options: method.options,
    dataset: { name, fingerprint, classes: classNames.length, train: train.count, test: test.count },
    backbone: { id: backbone.id, hash: backbone.hash },
    backend,
    tasks: stream.tasks.length,
    orderSeed: stream.orderSeed,
    trainSeed,
    streamHash: stream.hash,
    settings,
  };
}

/** What survives a kill: the method's state and the classifier after a number of tasks. */
interface Memory {
  readonly state: StateValue;
  readonly head: LinearHead;
}

/**
 * Runs a cell, or what is left of it.
 *
 * @returns The record. A training that diverges gives a record that ends as failed
 * @throws {InputError} If an existing record is damaged
 */
export async function runCell(options: RunOptions): Promise<RunRecord> {
  const cell = cellOf({ ...options, backend: options.executor.info.backend });
  const found = await findProgress(options.store, cell);
  if (found.record?.end) return found.record;
  const start: StartEvent = found.record?.start ??
    { event: "start", cell, environment: options.environment };
  const tasks = [...(found.record?.tasks ?? [])];
  await options.store.writeRecord([start, ...tasks].map(lineOf).join(""));

  const run = new CellRun(options, found.memory);
  let failure: EndEvent["failure"];
  try {
    while (tasks.length < cell.tasks) {
      const event = await run.task(tasks.length);
      tasks.push(event);
      await options.store.appendRecord(lineOf(event));
      await options.store.writeSnapshot(run.snapshot(tasks.length));
    }
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    failure = { message: error.message, task: tasks.length, step: error.step };
  } finally {
    run.dispose();
  }
  const end: EndEvent = {
    event: "end",
    status: failure ? "failed" : "done",
    ...(failure && { failure }),
    hash: recordHash({ start, tasks }, failure),
  };
  await options.store.appendRecord(lineOf(end));
  await options.store.removeSnapshot();
  return { start, tasks, end };
}

function lineOf(event: RecordEvent): string {
  return `${canonicalJson(event)}\n`;
}

/** The finished tasks of an earlier run of the same cell, if its record and its snapshot can be matched. */
async function findProgress(
  store: CellStore,
  cell: Cell,
): Promise<{ record?: RunRecord; memory?: Memory }> {
  const text = await store.readRecord();
  if (text === undefined || !text.includes("\n")) return {};
  const record = parseRecord(text, `of ${cell.method}`);
  if (canonicalJson(record.start.cell) !== canonicalJson(cell)) return {};
  if (record.end) return { record };
  const bytes = await store.readSnapshot();
  if (!bytes) return {};
  const snapshot = decodeState(bytes) as {
    readonly cell: string;
    readonly tasks: number;
    readonly state: StateValue;
    readonly weight: Float32Array;
    readonly bias: Float32Array;
  };
  // The kill may have come between a line and its snapshot: the snapshot decides.
  if (snapshot.cell !== canonicalJson(cell) || snapshot.tasks > record.tasks.length) return {};
  const { state, weight, bias } = snapshot;
  const head = {
    weight: hostTensor([bias.length, weight.length / bias.length], weight),
    bias: hostTensor([bias.length], bias),
  };
  return {
    record: { start: record.start, tasks: record.tasks.slice(0, snapshot.tasks) },
    memory: { state, head },
  };
}

class CellRun {
  readonly #options: RunOptions;
  readonly #cell: Cell;
  readonly #policy: HeadPolicy;
  readonly #lora: LoraSpec;
  readonly #trainer: Trainer;
  readonly #kit: Kit;
  #state: StateValue;
  #head: LinearHead;
  /** Test features per task under the adapter deployed last; valid as long as that stays deployed. */
  #features: { adapter: Adapter | undefined; readonly tasks: Map<number, Float32Array> } = {
    adapter: undefined,
    tasks: new Map(),
  };

  constructor(options: RunOptions, memory: Memory | undefined) {
    const { method, stream, backbone, executor, settings, trainSeed } = options;
    const { dataset } = stream;
    const classes = dataset.classNames.length;
    this.#options = options;
    this.#cell = cellOf({ ...options, backend: executor.info.backend });
    this.#policy = method.head ?? settings.head;
    const { rank, alpha, targets } = settings;
    const lora = this.#lora = { rank, scale: alpha / rank, targets };
    this.#trainer = new Trainer({
      executor,
      backbone,
      preprocessing: {
        channels: dataset.channels,
        height: dataset.height,
        width: dataset.width,
        size: backbone.config.image,
        ...backbone.pixels,
      },
      shape: {
        config: backbone.config,
        lora,
        classes,
        batch: settings.batchSize,
        head: this.#policy === "cosine" ? "cosine" : "linear",
      },
      optimiser: optimiserOf(settings),
      epochs: settings.epochs,
      featureBatch: FEATURE_BATCH,
    });
    this.#kit = {
      config: backbone.config,
      lora,
      rng: (purpose) => createRng(trainSeed, `method/${purpose}`),
      freshAdapter: (purpose) =>
        createAdapter(backbone.config, lora, createRng(trainSeed, `adapter/${purpose}`)),
      merger: createMerger(executor),
      fisher: (adapter, task, samples) => {
        const order = Array.from({ length: task.train.count }, (_, i) => i);
        const chosen = createRng(trainSeed, `fisher/${task.index}`).shuffle(order).slice(0, samples);
        const data = { split: task.train, classes: task.classes };
        return this.#trainer.fisher(data, chosen, adapter, this.#head);
      },
    };
    this.#state = memory?.state ?? method.init(this.#kit);
    this.#head = memory?.head ??
      freshHead(classes, backbone.config.width, createRng(trainSeed, "classifier"));
  }

  /** Trains on a task, scores all tasks seen, and returns the facts. */
  async task(index: number): Promise<TaskEvent> {
    const { method, stream, clock } = this.#options;
    const isLast = index === stream.tasks.length - 1;
    const isTrained = method.trains === "task" || (method.trains === "joint" && isLast);
    const began = clock();
    const view = this.#view(index);
    const training = isTrained ? await this.#train(view) : undefined;
    const trained = clock();
    await this.#report("merge", index, 0, 1);
    if (training) this.#state = await method.end(this.#state, view, training.result, this.#kit);
    const isScored = method.trains !== "joint" || isLast;
    const adapter = isScored ? await method.deploy(this.#state, this.#kit) : undefined;
    if (isScored && this.#policy === "ncm") await this.#setPrototypes(view, adapter);
    const merged = clock();
    const evaluation = isScored ? await this.#evaluate(index, adapter) : undefined;
    const seen = stream.tasks.slice(0, index + 1).flatMap(({ classes }) => classes).length;
    return {
      event: "task",
      index,
      classes: stream.tasks[index]!.classes,
      ...(evaluation && { evaluation }),
      ...(training && { training: training.facts }),
      keptBytes: {
        method: encodeState(this.#state).length,
        head: seen * 4 * (this.#head.weight.shape[1]! + (this.#policy === "linear" ? 1 : 0)),
      },
      facts: method.facts?.(this.#state) ?? {},
      seconds: { train: trained - began, method: merged - trained, evaluate: clock() - merged },
    };
  }

  /** Everything the next task needs. */
  snapshot(tasks: number): Uint8Array {
    return encodeState({
      cell: canonicalJson(this.#cell),
      tasks,
      state: this.#state,
      weight: this.#head.weight.data,
      bias: this.#head.bias.data,
    });
  }

  dispose(): void {
    this.#trainer.dispose();
    this.#kit.merger.dispose();
  }

  /** What the method may see: one task's training images, or all of them for the joint bound. */
  #view(index: number): TaskView {
    const { method, stream } = this.#options;
    const { dataset } = stream;
    const tasks = method.trains === "joint" ? stream.tasks.slice(0, index + 1) : [stream.tasks[index]!];
    const indices = tasks.flatMap(({ train }) => [...train]);
    return {
      index,
      classes: tasks.flatMap(({ classes }) => classes),
      train: selectImages(dataset.train, indices, imageSize(dataset)),
    };
  }

  async #train(view: TaskView) {
    const { method, trainSeed } = this.#options;
    const training = await method.begin(this.#state, view, this.#kit);
    const order = createRng(trainSeed, `batches/${view.index}`);
    const data = { split: view.train, classes: view.classes };
    const result = await this.#trainer.train(
      data,
      training,
      this.#head,
      order,
      (step, steps) => this.#report("train", view.index, step, steps),
    );
    this.#head = result.head;
    const { losses } = result;
    return { result, facts: { steps: losses.length, firstLoss: losses[0]!, lastLoss: losses.at(-1)! } };
  }

  async #setPrototypes(view: TaskView, adapter: Adapter | undefined): Promise<void> {
    const all = Array.from({ length: view.train.count }, (_, i) => i);
    const features = await this.#trainer.features(view.train, all, adapter);
    this.#head = setPrototypes(this.#head, view.classes, features, view.train.labels);
  }

  async #testFeatures(index: number, adapter: Adapter | undefined): Promise<Float32Array> {
    if (this.#features.adapter !== adapter) this.#features = { adapter, tasks: new Map() };
    const known = this.#features.tasks.get(index);
    if (known) return known;
    const { stream } = this.#options;
    const features = await this.#trainer.features(stream.dataset.test, stream.tasks[index]!.test, adapter);
    this.#features.tasks.set(index, features);
    return features;
  }

  async #evaluate(last: number, adapter: Adapter | undefined): Promise<Evaluation> {
    const { stream } = this.#options;
    const test: Split = stream.dataset.test;
    const tasks = stream.tasks.slice(0, last + 1);
    const seen = tasks.flatMap(({ classes }) => classes);
    const taskOf = new Map(tasks.flatMap(({ classes, index }) => classes.map((label) => [label, index])));
    const classIncremental: number[] = [];
    const taskIncremental: number[] = [];
    const predictions: Uint8Array[] = [];
    let inferred = 0;
    let total = 0;
    for (const { index, classes, test: images } of tasks) {
      const features = await this.#testFeatures(index, adapter);
      const predicted = predict(this.#policy, this.#head, features, seen, classes);
      const share = (labels: Int32Array) =>
        labels.reduce((hits, label, i) => hits + (label === test.labels[images[i]!] ? 1 : 0), 0) /
        images.length;
      classIncremental.push(share(predicted.classIncremental));
      taskIncremental.push(share(predicted.taskIncremental));
      inferred += predicted.classIncremental.filter((label) => taskOf.get(label) === index).length;
      total += images.length;
      predictions.push(new TextEncoder().encode(`${predicted.classIncremental.join()};`));
      await this.#report("evaluate", last, index + 1, tasks.length);
    }
    return {
      classIncremental,
      taskIncremental,
      taskInference: inferred / total,
      predictionHash: sha256(...predictions),
    };
  }

  async #report(phase: Progress["phase"], task: number, step: number, steps: number): Promise<void> {
    const { onProgress, stream } = this.#options;
    await onProgress?.({ phase, task, tasks: stream.tasks.length, step, steps });
  }
}
