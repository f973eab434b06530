/**
 * Running a recorded cell again, from the record alone.
 *
 * @module
 */
import { BackendUnavailableError, InputError } from "../../src/core/mod.ts";
import type { Dataset } from "../../src/data/mod.ts";
import {
  type BackendChoice,
  backendChoices,
  createExecutor,
  type Executor,
} from "../../src/executors/mod.ts";
import { createMethod } from "../../src/methods/mod.ts";
import type { Backbone } from "../../src/nn/mod.ts";
import {
  createMemoryStore,
  type Difference,
  environmentsOf,
  exactDifference,
  isSameKind,
  nearDifference,
  runCell,
  type RunRecord,
  streamOfCell,
} from "../../src/protocol/mod.ts";
import { Engine } from "../../src/train/mod.ts";
import { arithmeticOf } from "./arithmetic.ts";
import { describeEnvironment } from "./environment.ts";
import { CELL_THREADS } from "./jobs.ts";
import { Materials, type Places } from "./materials.ts";

/** Where everything is, and how strictly to compare. */
export interface RerunOptions extends Places {
  /** The record's by default. On another one, only split and accuracy are compared. */
  readonly backend?: BackendChoice;
  /** Compare to the last bit, on whatever machine. */
  readonly exact?: boolean;
}

/** What became of a cell that was run again. */
export interface RerunResult {
  /**
   * `"equal"`: everything that must repeat did. `"near"`: on another kind of machine, split and accuracy agree within
   * `TOLERANCE`. `"different"`: they do not. `"impossible"`: it could not be run.
   */
  readonly verdict: "equal" | "near" | "different" | "impossible";
  /** Why it could not be run. */
  readonly reason?: string;
  /** The first one, unless all is equal: of `"near"`, what was allowed. */
  readonly difference?: Difference;
  /** The record of the cell run again. */
  readonly recomputed?: RunRecord;
}

/**
 * Runs the cell of a record again and compares.
 *
 * @param session Of several reruns, which share data, backbone and compiled programs; its own by default
 */
export async function rerunRecord(
  record: RunRecord,
  options: RerunOptions = {},
  session?: RerunSession,
): Promise<RerunResult> {
  const used = session ?? new RerunSession(options);
  try {
    const whole = await used.recompute(record, options.backend);
    const recomputed = record.end ? whole : beginningOf(whole, record.tasks.length);
    const exact = exactDifference(record, recomputed);
    if (!exact) return { verdict: "equal", recomputed };
    const here = recomputed.start.environment;
    const mustRepeat = options.exact ||
      (recomputed.start.cell.backend === record.start.cell.backend &&
        environmentsOf(record).every((environment) => isSameKind(environment, here)));
    const difference = mustRepeat ? exact : nearDifference(record, recomputed);
    if (difference) return { verdict: "different", difference, recomputed };
    const rounding = exactDifference(record, asOn(record.start.cell.backend, recomputed));
    return { verdict: "near", ...(rounding && { difference: rounding }), recomputed };
  } catch (error) {
    if (!(error instanceof InputError) && !(error instanceof BackendUnavailableError)) throw error;
    return { verdict: "impossible", reason: error.message };
  } finally {
    if (!session) await used.dispose();
  }
}

/** What an unfinished record would have of a run. */
function beginningOf({ start, tasks }: RunRecord, count: number): RunRecord {
  return { start, tasks: tasks.slice(0, count) };
}

/** A record as if its cell named another backend, so that what follows from the backend is the first difference. */
function asOn(backend: string, { start, ...record }: RunRecord): RunRecord {
  return { ...record, start: { ...start, cell: { ...start.cell, backend } } };
}

/** Reruns that share what is expensive. A cell is computed once, however many records claim it. */
export class RerunSession {
  /** Data sets and backbones. */
  readonly materials: Materials;
  readonly #executors = new Map<
    string,
    Promise<{ readonly executor: Executor; readonly arithmetic: string }>
  >();
  readonly #engines = new Map<string, Engine>();
  readonly #computed = new Map<string, RunRecord>();

  constructor(places: Places) {
    this.materials = new Materials(places);
  }

  /**
   * The record of a cell run again here.
   *
   * @throws {InputError} If method, data or backbone of the record are not here, or not what its cell says
   * @throws {BackendUnavailableError} If the backend cannot run here
   */
  async recompute(record: RunRecord, backend?: BackendChoice): Promise<RunRecord> {
    const { cell, source } = record.start;
    const classes = record.tasks.flatMap(({ classes }) => classes);
    const choice = backend ?? backendOf(cell.backend);
    const key = JSON.stringify([cell, source, choice, classes]);
    const known = this.#computed.get(key);
    if (known) return known;
    const method = createMethod({ name: cell.method, options: cell.options });
    const dataset = await this.materials.dataset(record);
    const stream = streamOfCell(dataset, cell, classes);
    const backbone = await this.materials.backbone(record);
    const { executor, arithmetic } = await this.#executor(choice);
    const recomputed = await runCell({
      method,
      stream,
      backbone,
      executor,
      engine: this.#engine(executor, backbone, dataset),
      settings: cell.settings,
      trainSeed: cell.trainSeed,
      ...(cell.evaluate !== undefined && { evaluate: cell.evaluate }),
      environment: await describeEnvironment(executor.info, arithmetic),
      ...(source && { source }),
      store: createMemoryStore(),
      clock: () => performance.now() / 1000,
    });
    this.#computed.set(key, recomputed);
    return recomputed;
  }

  /** Releases backends and compiled programs. */
  async dispose(): Promise<void> {
    for (const engine of this.#engines.values()) await engine.dispose();
    for (const executor of this.#executors.values()) {
      (await executor.catch(() => undefined))?.executor.dispose();
    }
  }

  #executor(choice: BackendChoice) {
    const known = this.#executors.get(choice) ?? createExecutor(choice, { threads: CELL_THREADS })
      .then(async ({ executor }) => ({ executor, arithmetic: await arithmeticOf(executor) }));
    this.#executors.set(choice, known);
    return known;
  }

  #engine(executor: Executor, backbone: Backbone, dataset: Dataset): Engine {
    const { channels, height, width } = dataset;
    const key = JSON.stringify([executor.info.backend, backbone.hash, channels, height, width]);
    const engine = this.#engines.get(key) ?? new Engine(executor, backbone, dataset);
    this.#engines.set(key, engine);
    return engine;
  }
}

/** The backend that a record names. */
function backendOf(name: string): BackendChoice {
  const known = backendChoices.find((choice) => choice === name);
  if (known !== undefined && known !== "auto" && known !== "onnx") return known;
  throw new InputError(`Cannot run on backend ${name}: wanted one that this program has`);
}
