/**
 * One cell, task by task: train as the method says, let it remember and merge, deploy, score on all tasks seen. This
 * is the only place where a model meets test images; a method is handed one task's training images and nothing else.
 *
 * @module
 */
import { sha256 } from "../core/json.ts";
import { createRng } from "../core/rng.ts";
import { encodeState, type StateValue } from "../core/state.ts";
import { imageSize, selectImages, type Split } from "../data/dataset.ts";
import type { TaskStream } from "../data/stream.ts";
import type { Executor } from "../executors/executor.ts";
import { createMerger } from "../merge/merger.ts";
import type { Kit, Method, TaskView } from "../methods/method.ts";
import { type Adapter, createAdapter, type LoraSpec } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import type { LinearHead } from "../nn/heads.ts";
import { featureBatch, preprocessingOf } from "../train/features.ts";
import { checkFinite } from "../train/fit.ts";
import { Trainer } from "../train/trainer.ts";
import type { AdapterKeeper } from "./artifacts.ts";
import { freshHead, headRows, predict, setPrototypes, withRows } from "./classifier.ts";
import {
  type Environment,
  type EvaluateWhen,
  type Evaluation,
  isEvaluated,
  type Source,
  type TaskFacts,
} from "./records/record.ts";
import { type HeadPolicy, optimiserOf, type ProtocolSettings, scheduleOf } from "./settings.ts";
import type { Memory } from "./snapshot.ts";
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
  /** After which tasks to score; all by default. */
  readonly evaluate?: EvaluateWhen;
  readonly environment: Environment;
  /** Recorded, not used. */
  readonly source?: Source;
  readonly store: CellStore;
  /** Keep every trained adapter, and in the end the deployed one with the classifier. Not part of the identity. */
  readonly keepAdapters?: boolean;
  /** Run the cell again, whatever is known of it. */
  readonly fresh?: boolean;
  /** Seconds from any origin; only differences are recorded. */
  clock(): number;
  /** Takes what is worth knowing and no error. */
  onNotice?(text: string): void;
  onProgress?(progress: Progress): void | Promise<void>;
}

/** A cell while it runs: the method's state, the classifier, and the device. */
export class CellRun {
  readonly #options: RunOptions;
  readonly #policy: HeadPolicy;
  readonly #lora: LoraSpec;
  readonly #trainer: Trainer;
  readonly #kit: Kit;
  readonly #keeper: AdapterKeeper | undefined;
  #state: StateValue;
  #head: LinearHead;
  /** Steps of the last training. */
  #steps = 0;
  /** Test features per task under the adapter deployed last; valid as long as that stays deployed. */
  #features: { adapter: Adapter | undefined; readonly tasks: Map<number, Float32Array> } = {
    adapter: undefined,
    tasks: new Map(),
  };

  constructor(options: RunOptions, memory?: Memory, keeper?: AdapterKeeper) {
    const { method, stream, backbone, executor, settings, trainSeed } = options;
    const { dataset } = stream;
    const classes = dataset.classNames.length;
    this.#options = options;
    this.#keeper = keeper;
    this.#policy = method.head ?? settings.head;
    const { rank, alpha, targets } = settings;
    const lora = this.#lora = { rank, scale: alpha / rank, targets };
    this.#trainer = new Trainer({
      executor,
      backbone,
      preprocessing: preprocessingOf(dataset, backbone),
      shape: {
        config: backbone.config,
        lora,
        classes,
        batch: settings.batchSize,
        head: this.#policy === "cosine" ? "cosine" : "linear",
      },
      optimiser: optimiserOf(settings),
      epochs: settings.epochs,
      featureBatch: featureBatch(backbone.config),
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
  async task(index: number): Promise<TaskFacts> {
    const { method, stream, clock, evaluate } = this.#options;
    const isLast = index === stream.tasks.length - 1;
    const began = clock();
    // The joint bound waits for the last task.
    const waits = method.trains === "joint" && !isLast;
    const view = waits ? undefined : this.#view(index);
    const training = view && method.trains !== "never" ? await this.#train(view) : undefined;
    const trained = clock();
    await this.#report("merge", index, 0, 1);
    if (view && training) this.#state = await method.end(this.#state, view, training.result, this.#kit);
    const adapter = view && await method.deploy(this.#state, this.#kit);
    if (view && this.#policy === "ncm") await this.#setPrototypes(view, adapter);
    const merged = clock();
    const scores = isEvaluated(evaluate, index, stream.tasks.length);
    const evaluation = view && scores ? await this.#evaluate(index, adapter) : undefined;
    const seen = stream.tasks.slice(0, index + 1).flatMap(({ classes }) => classes).length;
    const { classes, train, test } = stream.tasks[index]!;
    const event: TaskFacts = {
      event: "task",
      index,
      classes,
      images: { train: train.length, test: test.length },
      ...(evaluation && { evaluation }),
      ...(training && { training: training.facts }),
      keptBytes: {
        method: encodeState(this.#state).length,
        classifier: seen * 4 * (this.#head.weight.shape[1]! + (this.#policy === "linear" ? 1 : 0)),
      },
      facts: method.facts?.(this.#state) ?? {},
      seconds: { train: trained - began, method: merged - trained, evaluate: clock() - merged },
    };
    if (training) await this.#keeper?.trained(index, training.result.adapter);
    return event;
  }

  /** Keeps what is deployed after the last task. */
  async keepDeployed(): Promise<void> {
    if (!this.#keeper) return;
    const { method, stream } = this.#options;
    const adapter = await method.deploy(this.#state, this.#kit);
    // Rows of classes that are in no task were never trained.
    const classes = stream.classOrder.toSorted((a, b) => a - b);
    const classNames = classes.map((label) => stream.dataset.classNames[label]!);
    await this.#keeper.deployed(adapter, {
      ...headRows(this.#head, classes),
      kind: this.#policy,
      classNames,
    });
  }

  /** Everything the next task needs. */
  get memory(): Memory {
    return { state: this.#state, head: this.#head };
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
    const { method, stream, settings, trainSeed } = this.#options;
    const training = await method.begin(this.#state, view, this.#kit);
    const order = createRng(trainSeed, `batches/${view.index}`);
    const seen = stream.tasks.slice(0, view.index + 1).flatMap(({ classes }) => classes);
    const classes = settings.loss === "seen" ? seen : view.classes;
    const { epochs, learningRate } = scheduleOf(settings, view.index);
    const data = { split: view.train, classes, epochs, learningRate };
    const result = await this.#trainer.train(
      data,
      training,
      this.#head,
      order,
      (step, steps) => this.#report("train", view.index, step, steps),
    );
    // Class means are not trained: with a loss over all classes seen, training would move those of earlier tasks.
    const keepsRows = this.#policy === "ncm" && settings.loss === "seen";
    this.#head = keepsRows ? withRows(this.#head, result.head, view.classes) : result.head;
    const { losses } = result;
    this.#steps = losses.length;
    return { result, facts: { steps: losses.length, firstLoss: losses[0]!, lastLoss: losses.at(-1)! } };
  }

  async #setPrototypes(view: TaskView, adapter: Adapter | undefined): Promise<void> {
    const all = Array.from({ length: view.train.count }, (_, i) => i);
    const features = await this.#featuresOf(view.train, all, adapter);
    this.#head = setPrototypes(this.#head, view.classes, features, view.train.labels);
  }

  async #testFeatures(index: number, adapter: Adapter | undefined): Promise<Float32Array> {
    if (this.#features.adapter !== adapter) this.#features = { adapter, tasks: new Map() };
    const known = this.#features.tasks.get(index);
    if (known) return known;
    const { stream } = this.#options;
    const features = await this.#featuresOf(stream.dataset.test, stream.tasks[index]!.test, adapter);
    this.#features.tasks.set(index, features);
    return features;
  }

  /** A merge can overflow although each adapter is sound; what is not a number would be scored as some class. */
  async #featuresOf(split: Split, indices: ArrayLike<number>, adapter: Adapter | undefined) {
    const features = await this.#trainer.features(split, indices, adapter);
    checkFinite(features, "a feature of the deployed model", this.#steps);
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
    const taskInference: number[] = [];
    for (const { index, classes, test: images } of tasks) {
      const features = await this.#testFeatures(index, adapter);
      const predicted = predict(this.#policy, this.#head, features, seen, classes);
      const hits = (labels: Int32Array) =>
        labels.filter((label, i) => label === test.labels[images[i]!]).length;
      classIncremental.push(hits(predicted.classIncremental));
      taskIncremental.push(hits(predicted.taskIncremental));
      taskInference.push(predicted.classIncremental.filter((label) => taskOf.get(label) === index).length);
      predictions.push(new TextEncoder().encode(`${predicted.classIncremental.join()};`));
      await this.#report("evaluate", last, index + 1, tasks.length);
    }
    return {
      classIncremental,
      taskIncremental,
      taskInference,
      predictionHash: sha256(...predictions),
    };
  }

  async #report(phase: Progress["phase"], task: number, step: number, steps: number): Promise<void> {
    const { onProgress, stream } = this.#options;
    await onProgress?.({ phase, task, tasks: stream.tasks.length, step, steps });
  }
}
