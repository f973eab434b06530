/**
 * The only evaluation loop. Scores all test images of the tasks seen in one go, so that runs are full however small
 * the tasks are, and counts right answers. Images under conditions are made task by task, so that one task's are in
 * memory at a time. Outputs of passes that did not change since the last evaluation are used
 * again: a frozen model looks at each test image once.
 *
 * @module
 */
import { sha256 } from "../core/json.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { imagesOf } from "../data/conditions/task_images.ts";
import type { StreamTask, TaskStream } from "../data/stream.ts";
import { adapterToTensors } from "../nn/adapter.ts";
import type { Engine } from "../train/engine.ts";
import type { Pass, Predictor } from "../train/parts.ts";
import { score } from "../train/predict.ts";
import { imageTable, type Table } from "../train/table.ts";
import type { Evaluation } from "./records/record.ts";

/** A class for each row: the highest-scoring of all seen, and of those of the row's own task. */
export interface Choice {
  readonly all: number;
  readonly own: number;
}

/** Evaluates one cell, task after task. */
export class Evaluator {
  readonly #engine: Engine;
  readonly #stream: TaskStream;
  /** Outputs of a pass by its identity, and by task. */
  #known = new Map<string, Map<number, HostTensor>>();

  constructor(engine: Engine, stream: TaskStream) {
    this.#engine = engine;
    this.#stream = stream;
  }

  /**
   * Scores a predictor on the test images of the first tasks.
   *
   * @param seen Number of tasks
   * @throws {DivergenceError} If a score is not finite
   */
  async evaluate(predictor: Predictor, seen: number): Promise<Evaluation> {
    const tasks = this.#stream.tasks.slice(0, seen);
    const outputs: HostTensor[] = [];
    const used = new Map<string, Map<number, HostTensor>>();
    for (const pass of predictor.passes) {
      const key = passKey(this.#engine, pass);
      const known = used.get(key) ?? this.#known.get(key) ?? new Map<number, HostTensor>();
      used.set(key, known);
      outputs.push(await this.#outputs(pass, tasks, known));
    }
    this.#known = used;
    const scores = await score(this.#engine, predictor, outputs);
    return this.#count(scores, tasks);
  }

  /** The outputs of a pass over the test images of some tasks, one after another. */
  async #outputs(
    pass: Pass,
    tasks: readonly StreamTask[],
    known: Map<number, HostTensor>,
  ): Promise<HostTensor> {
    const missing = tasks.filter(({ index }) => !known.has(index));
    const plain = missing.filter(({ condition }) => condition === undefined);
    const apart = missing.filter(({ condition }) => condition !== undefined).map((task) => [task]);
    for (const some of plain.length > 0 ? [plain, ...apart] : apart) {
      const { shape, data } = await this.#engine.map(pass, this.#tableOf(some));
      const width = shape[1]!;
      let row = 0;
      for (const { index, test } of some) {
        const part = data.subarray(row * width, (row + test.length) * width);
        known.set(index, hostTensor([test.length, width], part));
        row += test.length;
      }
    }
    return joinRows(tasks.map(({ index }) => known.get(index)!));
  }

  #tableOf(tasks: readonly StreamTask[]): Table {
    const { dataset } = this.#stream;
    if (tasks.every(({ condition }) => condition === undefined)) {
      return imageTable(dataset.test, tasks.flatMap(({ test }) => [...test]));
    }
    return imageTable(imagesOf(dataset, tasks, "test"));
  }

  #count({ shape, data }: HostTensor, tasks: readonly StreamTask[]): Evaluation {
    const width = shape[1]!;
    const seen = [...new Set(tasks.flatMap(({ classes }) => classes))];
    const { labels } = this.#stream.dataset.test;
    const [classIncremental, taskIncremental, taskInference]: [number[], number[], number[]] = [[], [], []];
    const predictions: Uint8Array[] = [];
    let row = 0;
    for (const { classes, test } of tasks) {
      const own = new Set(classes);
      const chosen = Array.from(test, (_, i) => {
        const first = (row + i) * width;
        return choose(data.subarray(first, first + width), seen, own);
      });
      row += test.length;
      const hits = (right: (choice: Choice, i: number) => boolean) => chosen.filter(right).length;
      classIncremental.push(hits(({ all }, i) => all === labels[test[i]!]));
      taskIncremental.push(hits(({ own }, i) => own === labels[test[i]!]));
      taskInference.push(hits(({ all }) => own.has(all)));
      predictions.push(new TextEncoder().encode(`${chosen.map(({ all }) => all).join()};`));
    }
    return { classIncremental, taskIncremental, taskInference, predictionHash: sha256(...predictions) };
  }
}

/**
 * Of equal scores the class seen first wins.
 *
 * @param scores One for every class of the data set
 * @param seen Classes in stream order
 * @param own The classes of the row's task
 */
export function choose(scores: Float32Array, seen: readonly number[], own: ReadonlySet<number>): Choice {
  let [all, best, among, bestOwn] = [-1, -Infinity, -1, -Infinity];
  for (const label of seen) {
    const score = scores[label]!;
    if (score > best) [all, best] = [label, score];
    if (score > bestOwn && own.has(label)) [among, bestOwn] = [label, score];
  }
  return { all, own: among };
}

function joinRows(parts: readonly HostTensor[]): HostTensor {
  const width = parts[0]!.shape[1]!;
  const joined = hostTensor([parts.reduce((total, { shape }) => total + shape[0]!, 0), width]);
  let offset = 0;
  for (const { data } of parts) {
    joined.data.set(data, offset);
    offset += data.length;
  }
  return joined;
}

function bytesOf(tensors: NamedTensors): Uint8Array[] {
  return Object.keys(tensors).sort().flatMap((name) => {
    const { shape, data } = tensors[name]!;
    const label = new TextEncoder().encode(`${name}[${shape}]`);
    return [label, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
  });
}

/** Equal keys mean equal outputs: of the program, and of all values that go into it. */
function passKey(engine: Engine, pass: Pass): string {
  const { adapter, fixed = {} } = pass;
  const gain = adapter ? `${adapter.scale}` : "bare";
  const text = new TextEncoder().encode(`${engine.passKey(pass)} ${gain}`);
  return sha256(text, ...(adapter ? bytesOf(adapterToTensors(adapter)) : []), ...bytesOf(fixed));
}
