/**
 * One cell, task by task: the method learns, what it deploys is scored on all tasks seen. This is the only place where
 * a model meets test images; a method is handed one task's training images and nothing else.
 *
 * @module
 */
import { createClassifier } from "../classifiers/mod.ts";
import { stateSize, type StateValue } from "../core/state.ts";
import { imagesOf } from "../data/conditions/task_images.ts";
import { classesReturn, type TaskStream } from "../data/stream.ts";
import type { Executor } from "../executors/executor.ts";
import { createKit } from "../methods/kit.ts";
import type { Kit, Method, TaskView } from "../methods/method.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import { selectRows } from "../nn/heads.ts";
import { Engine } from "../train/engine.ts";
import { imageTable } from "../train/table.ts";
import type { AdapterKeeper } from "./artifacts.ts";
import { costOfTask, TrainingMeter } from "./cost.ts";
import { Evaluator } from "./evaluate.ts";
import {
  type Environment,
  type EvaluateWhen,
  isEvaluated,
  type Source,
  type TaskFacts,
} from "./records/record.ts";
import { type ProtocolSettings, trainingOf } from "./settings.ts";
import type { CellStore } from "./store.ts";

/** What a run is doing, for progress displays. */
export interface Progress {
  /** Learning a task, or scoring all tasks seen. */
  readonly phase: "train" | "evaluate";
  /** From 0. */
  readonly task: number;
  /** Number of tasks of the stream. */
  readonly tasks: number;
  /** Within the phase. */
  readonly step: number;
  /** Steps of the phase; of the present training, where a method trains more than once on a task. */
  readonly steps: number;
}

/** One cell to run. */
export interface RunOptions {
  /** With its options resolved, as `createMethod` gives it. */
  readonly method: Method;
  /** The tasks, in order. */
  readonly stream: TaskStream;
  /** What stays frozen. */
  readonly backbone: Backbone;
  /** Where everything runs. */
  readonly executor: Executor;
  /** On that executor and backbone, for the stream's images: cells that share one share compiled programs. */
  readonly engine?: Engine;
  /** What is the same for all methods. */
  readonly settings: ProtocolSettings;
  /** Seed of everything random in training; that of the class order is the stream's. */
  readonly trainSeed: number;
  /** Recorded for people: machine, versions, device. No part of the hash. */
  readonly environment: Environment;
  /** Recorded, not used. */
  readonly source?: Source;
  /** After every task by default. */
  readonly evaluate?: EvaluateWhen;
  /** Where record, snapshot and adapters go. */
  readonly store: CellStore;
  /** Keep every trained adapter, and in the end the deployed one with the classifier. Not part of the identity. */
  readonly keepAdapters?: boolean;
  /** Run the cell again, whatever is known of it. */
  readonly fresh?: boolean;
  /** Seconds from any origin; only differences are recorded. */
  clock(): number;
  /** Takes what is worth knowing and no error. */
  onNotice?(text: string): void;
  /** Called after every step; a rejected promise ends the run. */
  onProgress?(progress: Progress): void | Promise<void>;
}

/** A cell while it runs. */
export class CellRun {
  readonly #options: RunOptions;
  readonly #engine: Engine;
  readonly #evaluator: Evaluator;
  readonly #keeper: AdapterKeeper | undefined;
  #state: StateValue;

  constructor(options: RunOptions, state?: StateValue, keeper?: AdapterKeeper) {
    const { method, stream, backbone, executor } = options;
    this.#options = options;
    this.#keeper = keeper;
    this.#engine = options.engine ?? new Engine(executor, backbone, stream.dataset);
    this.#evaluator = new Evaluator(this.#engine, stream);
    this.#state = state ?? method.init(this.#kit(0));
  }

  /** Learns a task, scores all tasks seen, and returns the facts. */
  async task(index: number): Promise<TaskFacts> {
    const { method, stream, clock } = this.#options;
    const count = stream.tasks.length;
    // A bound waits for the last task.
    const waits = method.sees === "all" && index < count - 1;
    const meter = new TrainingMeter();
    const trained: Adapter[] = [];
    const kit = this.#kit(index, meter, trained);
    let training = 0;
    const timed: Kit = {
      ...kit,
      async fit(spec) {
        const began = clock();
        const fitted = await kit.fit(spec);
        training += between(began, clock());
        return fitted;
      },
    };
    const began = clock();
    if (!waits) this.#state = await method.learn(this.#state, this.#view(index), timed);
    const learned = clock();
    const predictor = waits ? undefined : await method.deploy(this.#state, kit);
    const scores = predictor && isEvaluated(this.#options.evaluate, index, count);
    await this.#report("evaluate", index, 0, 1);
    const evaluation = scores ? await this.#evaluator.evaluate(predictor, index + 1) : undefined;
    await this.#report("evaluate", index, 1, 1);
    const { classes, families, condition, train, test } = stream.tasks[index]!;
    const { losses } = meter;
    const facts: TaskFacts = {
      event: "task",
      index,
      classes,
      ...(families && { families }),
      ...(condition !== undefined && { condition }),
      images: { train: train.length, test: test.length },
      ...(evaluation && { evaluation }),
      ...(losses.length > 0 && {
        training: { steps: losses.length, firstLoss: losses[0]!, lastLoss: losses.at(-1)! },
      }),
      ...(predictor && { cost: costOfTask(this.#engine, predictor, imageTable(stream.dataset.test), meter) }),
      keptBytes: this.#keptBytes(index, kit),
      facts: method.facts?.(this.#state) ?? {},
      seconds: {
        train: training,
        method: Math.max(0, between(began, learned) - training),
        evaluate: between(learned, clock()),
      },
    };
    if (losses.length > 0) await this.#keeper?.trained(index, trained);
    return facts;
  }

  /** Keeps what is deployed after the last task, if it is one model. */
  async keepDeployed(): Promise<void> {
    if (!this.#keeper) return;
    const { method, stream } = this.#options;
    const { merged } = await method.deploy(this.#state, this.#kit(stream.tasks.length - 1));
    if (!merged) return await this.#keeper.nothingDeployed();
    // Rows of classes that are in no task were never trained.
    const classes = stream.classOrder.toSorted((a, b) => a - b);
    const { head } = merged;
    await this.#keeper.deployed(
      merged.adapter,
      head && {
        ...selectRows(head, classes),
        kind: head.kind,
        classNames: classes.map((label) => stream.dataset.classNames[label]!),
      },
    );
  }

  /** The kind of the method's own classifier, if it has one instead of the run's. */
  get ownClassifier(): string | undefined {
    const { method, settings } = this.#options;
    const kind = method.classifierOf?.(this.#state, this.#kit(0)).policy.kind;
    return kind === settings.head ? undefined : kind;
  }

  /** Everything the next task needs. */
  get state(): StateValue {
    return this.#state;
  }

  /** Releases what the run made for itself. */
  async dispose(): Promise<void> {
    if (!this.#options.engine) await this.#engine.dispose();
  }

  #kit(task: number, meter?: TrainingMeter, trained?: Adapter[]): Kit {
    const { stream, settings, trainSeed } = this.#options;
    const { rank, alpha, targets, batchSize } = settings;
    return createKit({
      engine: this.#engine,
      lora: { rank, scale: alpha / rank, targets },
      classes: stream.dataset.classNames.length,
      classesReturn: classesReturn(stream),
      classifier: createClassifier(settings.head, settings),
      training: trainingOf(settings, task),
      seed: trainSeed,
      task,
      onStep: (step, steps) => this.#report("train", task, step, steps),
      onFit: ({ numbers, losses, flop }) => meter?.add(numbers, losses, flop, losses.length * batchSize),
      onTrained: (adapter) => void trained?.push(adapter),
    });
  }

  /** What the method may see: one task's training images, or all of them for a bound. */
  #view(index: number): TaskView {
    const { method, stream, settings } = this.#options;
    const seen = stream.tasks.slice(0, index + 1);
    const tasks = method.sees === "all" ? seen : seen.slice(-1);
    return {
      index,
      classes: classesOf(tasks),
      lossClasses: classesOf(settings.loss === "seen" ? seen : tasks),
      train: imagesOf(stream.dataset, tasks, "train"),
    };
  }

  #keptBytes(index: number, kit: Kit): TaskFacts["keptBytes"] {
    const { method, stream } = this.#options;
    const split = method.classifierOf?.(this.#state, kit);
    if (!split) return { method: stateSize(this.#state), classifier: 0 };
    const seen = classesOf(stream.tasks.slice(0, index + 1));
    return { method: stateSize(split.rest), classifier: split.policy.bytes(split.classifier, seen.length) };
  }

  async #report(phase: Progress["phase"], task: number, step: number, steps: number): Promise<void> {
    const { onProgress, stream } = this.#options;
    await onProgress?.({ phase, task, tasks: stream.tasks.length, step, steps });
  }
}

/** The classes of some tasks, in stream order; each once, however often it comes. */
function classesOf(tasks: TaskStream["tasks"]): number[] {
  return [...new Set(tasks.flatMap(({ classes }) => classes))];
}

/** Seconds that passed; a clock that was set back tells nothing. */
function between(began: number, ended: number): number {
  return Math.max(0, ended - began);
}
