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
    const classes = [...new Set(tasks.flatMap(({ classes }) => classes))];
    const used = new Map<string, Map<number, HostTensor>>();
    const known = predictor.passes.map((pass) => {
      const key = passKey(this.#engine, pass);
      const own = used.get(key) ?? this.#known.get(key) ?? new Map<number, HostTensor>();
      used.set(key, own);
      return own;
    });
    this.#known = used;
    const chosen: (readonly Choice[])[] = [];
    for (const some of inParts(tasks)) {
      const tableOf = this.#tables();
      const outputs: HostTensor[] = [];
      for (const [i, pass] of predictor.passes.entries()) {
        outputs.push(await this.#outputs(pass, some, known[i]!, tableOf));
      }
      const scores = await score(this.#engine, predictor, outputs);
      chosen.push(...choicesOf(scores, some, classes));
    }
    return this.#count(chosen, tasks);
  }

  /** The outputs of a pass over the test images of some tasks, one after another. */
  async #outputs(
    pass: Pass,
    tasks: readonly StreamTask[],
    known: Map<number, HostTensor>,
    tableOf: (tasks: readonly StreamTask[]) => Table,
  ): Promise<HostTensor> {
    const missing = tasks.filter(({ index }) => !known.has(index));
    if (missing.length > 0) {
      const { shape, data } = await this.#engine.map(pass, tableOf(missing));
      const width = shape[1]!;
      let row = 0;
      for (const { index, test } of missing) {
        const part = data.subarray(row * width, (row + test.length) * width);
        known.set(index, hostTensor([test.length, width], part));
        row += test.length;
      }
    }
    return joinRows(tasks.map(({ index }) => known.get(index)!));
  }

  /** Makes tables of test images; those under a condition once for all passes. */
  #tables(): (tasks: readonly StreamTask[]) => Table {
    const { dataset } = this.#stream;
    let made: Table | undefined;
    return (tasks) =>
      tasks.some(({ condition }) => condition !== undefined)
        ? made ??= imageTable(imagesOf(dataset, tasks, "test"))
        : imageTable(dataset.test, tasks.flatMap(({ test }) => [...test]));
  }

  /** @param chosen A choice for each test image of each task */
  #count(chosen: readonly (readonly Choice[])[], tasks: readonly StreamTask[]): Evaluation {
    const { labels } = this.#stream.dataset.test;
    const count = (isRight: (choice: Choice, label: number, task: StreamTask) => boolean) =>
      tasks.map((task, t) =>
        chosen[t]!.filter((choice, i) => isRight(choice, labels[task.test[i]!]!, task)).length
      );
    const within = tasks.map(({ classes }) => new Set(classes));
    const predictions = chosen.map((own) => new TextEncoder().encode(`${own.map(({ all }) => all).join()};`));
    return {
      classIncremental: count(({ all }, label) => all === label),
      taskIncremental: count(({ own }, label) => own === label),
      taskInference: count(({ all }, _label, { index }) => within[index]!.has(all)),
      predictionHash: sha256(...predictions),
    };
  }
}

/** Tasks that are scored together: all, or each apart where they are under conditions, each of which has many images. */
function inParts(tasks: readonly StreamTask[]): readonly (readonly StreamTask[])[] {
  return tasks.some(({ condition }) => condition !== undefined) ? tasks.map((task) => [task]) : [tasks];
}

/** The choices of some tasks, of scores for each test image of one after another. */
function choicesOf(
  { shape, data }: HostTensor,
  tasks: readonly StreamTask[],
  seen: readonly number[],
): Choice[][] {
  const width = shape[1]!;
  let row = 0;
  return tasks.map(({ classes, test }) => {
    const own = new Set(classes);
    return Array.from(test, () => {
      const first = width * row++;
      return choose(data.subarray(first, first + width), seen, own);
    });
  });
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
