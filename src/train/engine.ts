/**
 * Runs what methods ask for on one backbone: trainings, forward passes over tables, sums. The one place where
 * programs meet device tensors; programs are found by their structure, so tasks, methods and cells share them.
 *
 * @module
 */
import { DivergenceError } from "../core/errors.ts";
import type { Rng } from "../core/rng.ts";
import { sizeOf } from "../core/shape.ts";
import { bytesOf, type HostTensor, hostTensor, type NamedTensors } from "../core/tensors.ts";
import { batchesOf } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Preprocessing } from "../data/preprocess.ts";
import { programKey } from "../graph/program_key.ts";
import { type CompiledProgram, ProgramCache } from "../executors/program_cache.ts";
import type { DeviceTensor, Executor, HostArray } from "../executors/executor.ts";
import type { Program } from "../graph/graph.ts";
import type { Adapter } from "../nn/adapter.ts";
import type { Backbone } from "../nn/backbone.ts";
import { pack, unpack } from "../nn/packing.ts";
import { checkFinite, fit } from "./fit.ts";
import { fitFeeds, packedStart, spread } from "./fit_feeds.ts";
import { featureBatch, preprocessingOf } from "./features.ts";
import type { Optimiser } from "./optimisers/optimiser.ts";
import { projected } from "./optimisers/projected.ts";
import type { Schedule } from "./optimisers/schedule.ts";
import type { Fit, Fitted, Pass, Sums } from "./parts.ts";
import { checkTable, feedRows, type Table } from "./table.ts";
import {
  fitLayout,
  fixedName,
  OUTPUT,
  stillName,
  sumName,
  type TraceContext,
  traceFit,
  tracePass,
  traceSums,
} from "./trace.ts";
import { BackboneWeights } from "./weights.ts";

/** Everything a training needs that is the run's and not the method's. */
export interface FitDefaults {
  /** Rows per step. */
  readonly batch: number;
  /** Passes over the table `main`. */
  readonly epochs: number;
  /** The rule by which parameters move. */
  readonly optimiser: Optimiser;
  /** The learning rate over the steps. */
  readonly schedule: Schedule;
  /** Acts on those tensors that the training says decay. */
  readonly weightDecay: number;
  /** Decides the order of the rows, what is drawn from other tables, and noise. */
  readonly rng: Rng;
  /** Called after every step; a rejected promise ends the training. */
  onStep?(step: number, steps: number): void | Promise<void>;
}

/** What a training gave, and what it took. */
export interface EngineFitted extends Fitted {
  /** Of all steps. */
  readonly flop: number;
}

/** Compiled programs of one backbone may take this many bytes of weights, as a backend may keep a copy in each. */
const WEIGHT_COPIES = 2 ** 31;
/** Programs to keep at least, and at most. */
const [FEWEST, MOST] = [4, 24];
/** Runs of a program that are asked for before the first has answered. */
const WINDOW = 4;
/** Runs after which sums leave the device, to be added up in float64. */
const SUM_RUNS = 32;
/** Rows per run where there are no images. */
const ROWS = 128;

/** See the module. */
export class Engine {
  /** Where everything runs. */
  readonly executor: Executor;
  /** The frozen backbone under every part. */
  readonly backbone: Backbone;
  /** For merges and the like: programs without a backbone. */
  readonly programs: ProgramCache;
  readonly #context: Omit<TraceContext, "batch">;
  readonly #weights: BackboneWeights;
  #spent = 0;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * An engine that compiles what it is asked for, when it is.
   *
   * @param images The shape in which images are stored
   */
  constructor(
    executor: Executor,
    backbone: Backbone,
    images: Pick<Dataset, "channels" | "height" | "width">,
  ) {
    this.executor = executor;
    this.backbone = backbone;
    this.#context = { config: backbone.config, preprocessing: preprocessingOf(images, backbone) };
    this.#weights = new BackboneWeights(executor, backbone);
    const fitting = Math.floor(WEIGHT_COPIES / bytesOf(backbone.weights));
    this.programs = new ProgramCache(executor, Math.min(MOST, Math.max(FEWEST, fitting)));
  }

  /** FLOP of everything run so far. */
  get spent(): number {
    return this.#spent;
  }

  /** How images of the data set reach the backbone. */
  get preprocessing(): Preprocessing {
    return this.#context.preprocessing;
  }

  /**
   * Trains.
   *
   * @throws {DivergenceError} If a loss or a trained value is not finite
   * @throws {RangeError} If a table does not fit together, or nothing trains
   */
  async fit(spec: Fit, defaults: FitDefaults): Promise<EngineFitted> {
    const { start, tables, fixed = {}, epochs = defaults.epochs } = spec;
    const { optimiser: rule = defaults.optimiser, schedule = defaults.schedule, rate = () => 1 } = spec;
    const optimiser = spec.project ? projected(rule, spec.project) : rule;
    for (const [name, table] of Object.entries(tables)) checkTable(name, table);
    const layout = fitLayout(spec, optimiser);
    const { packing, still } = layout;
    const context = { ...this.#context, batch: defaults.batch };
    const program = traceFit(context, spec, layout);
    const steps = epochs * Math.ceil(tables.main.count / defaults.batch);
    return await this.#use(program, spec.adapter, async ({ own, executable, cost }) => {
      own["packed"]!.write(packedStart(optimiser, pack(packing, start)));
      const { weightDecay } = defaults;
      own["decay"]?.write(spread(packing, (name) => spec.decays?.(name) ? weightDecay : 0));
      own["rates"]?.write(spread(packing, rate));
      writeNamed(own, fixedName, fixed);
      writeNamed(own, stillName, still);
      const losses = await fit({
        executable,
        ring: own["losses"]!,
        optimiser,
        schedule,
        steps,
        batches: fitFeeds(program, spec, {
          batch: defaults.batch,
          epochs,
          rng: defaults.rng,
          optimiser,
          size: packing.size,
        }),
        ...(defaults.onStep && { onStep: (done: number) => defaults.onStep!(done, steps) }),
      });
      const flop = losses.length * cost.flop;
      this.#spent += flop;
      const [trained, ...slots] = rowsFrom(await own["packed"]!.read(), packing.size);
      checkFinite(trained!, "a weight", steps);
      const values = { ...still, ...unpack(packing, trained!) };
      return {
        values: Object.fromEntries(Object.keys(start).map((name) => [name, values[name]!])),
        losses,
        slots,
        flop,
      };
    });
  }

  /**
   * Outputs of a pass for every row: [count, n].
   *
   * @throws {DivergenceError} If one is not finite
   */
  async map(pass: Pass, table: Table): Promise<HostTensor> {
    const { fixed = {}, adapter } = pass;
    checkTable("main", table);
    const batch = this.#batchFor(table);
    const program = this.trace(pass, table, { batch });
    const width = program.outputs[OUTPUT]!.shape[1]!;
    const work = async ({ executable, own, cost }: CompiledProgram) => {
      writeNamed(own, fixedName, fixed);
      const result = new Float32Array(table.count * width);
      const pending: Promise<void>[] = [];
      let done = 0;
      for (const rows of batchesOf(rowsOf(table), batch)) {
        const [first, count] = [done, Math.min(batch, table.count - done)];
        const run = executable.run(feedRows(program, "main", table, rows), [OUTPUT]);
        pending.push(
          run.then((outputs) => result.set(outputs[OUTPUT]!.subarray(0, count * width), first * width)),
        );
        done += count;
        this.#spent += cost.flop;
        if (pending.length >= WINDOW) await pending.shift();
      }
      await Promise.all(pending);
      if (!result.every(Number.isFinite)) {
        throw new DivergenceError("The model diverged: an output is not finite", 0);
      }
      return hostTensor([table.count, width], result);
    };
    return await this.#use(program, adapter, work);
  }

  /** Sums over the rows of a table, added up in float64. */
  async sum(part: Sums, table: Table): Promise<NamedTensors> {
    checkTable("main", table);
    const batch = this.#batchFor(table);
    const program = traceSums({ ...this.#context, batch }, part, table);
    const shapes = Object.entries(program.updates).map(([name, { shape }]) => [name, shape] as const);
    const totals = new Map(shapes.map(([name, shape]) => [name, new Float64Array(sizeOf(shape))]));
    const work = async ({ executable, own, cost }: CompiledProgram) => {
      writeNamed(own, fixedName, part.fixed ?? {});
      const clear = () => totals.forEach((total, name) => own[name]!.write(new Float32Array(total.length)));
      const collect = async () => {
        for (const [name, total] of totals) {
          (await own[name]!.read()).forEach((value, i) => total[i]! += value);
        }
        clear();
      };
      clear();
      let runs = 0;
      for (const rows of batchesOf(rowsOf(table), batch)) {
        await executable.run(feedRows(program, "main", table, rows));
        if (++runs % SUM_RUNS === 0) await collect();
      }
      await collect();
      this.#spent += runs * cost.flop;
    };
    await this.#use(program, part.adapter, work);
    return Object.fromEntries(
      shapes.map(([name, shape]) => [
        name.slice(sumName("").length),
        hostTensor(shape, Float32Array.from(totals.get(name)!)),
      ]),
    );
  }

  /** The program of a pass, as it runs on batches of so many rows. */
  trace(pass: Pass, table: Table, options: Pick<TraceContext, "batch" | "onEncode">): Program {
    return tracePass({ ...this.#context, ...options }, pass, table);
  }

  /** Equal keys mean equal programs; the values that go into a pass are not part of it. */
  passKey(pass: Pass): string {
    const { channels, height, width } = this.preprocessing;
    // A row that stands for any: programs depend on the shape of images alone.
    const images = { images: new Uint8Array(channels * height * width), labels: new Int32Array(1), count: 1 };
    return programKey(this.trace(pass, { count: 1, images }, { batch: 1 }));
  }

  /** Releases programs and device tensors; the executor stays. */
  async dispose(): Promise<void> {
    await this.programs.dispose();
    this.#weights.dispose();
  }

  /** Hands a program to its user, one at a time: folding an adapter changes what others would run on. */
  #use<T>(
    program: Program,
    adapter: Adapter | undefined,
    work: (compiled: CompiledProgram) => Promise<T>,
  ): Promise<T> {
    const result = this.#last.then(() =>
      this.programs.use(program, work, {
        bindings: adapter ? this.#weights.folded(adapter) : this.#weights.plain,
      })
    );
    this.#last = result.catch(() => {});
    return result;
  }

  /** Rows per run: as many as are good for the model, and not many more than there are. */
  #batchFor({ images, count }: Table): number {
    let batch = images ? featureBatch(this.backbone.config) : ROWS;
    while (batch > 1 && batch / 2 >= count) batch = Math.ceil(batch / 2);
    return batch;
  }
}

function rowsOf({ count }: Table): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

function writeNamed(
  own: Readonly<Record<string, DeviceTensor>>,
  nameOf: (name: string) => string,
  values: NamedTensors,
): void {
  // A value that the graph does not read has no state.
  for (const [name, { data }] of Object.entries(values)) own[nameOf(name)]?.write(data);
}

/** [rows, size] as rows in float32. */
function rowsFrom(values: HostArray, size: number): Float32Array[] {
  return Array.from(
    { length: values.length / size },
    (_, row) => Float32Array.from(values.subarray(row * size, (row + 1) * size)),
  );
}
