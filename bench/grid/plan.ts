/**
 * From a suite to the cells still to run. Loading data, backbone and backend here, once and before anything is
 * written, is what makes wrong input end with one sentence and no trace.
 *
 * @module
 */
import { ifThere, type JsonObject } from "../../src/core/mod.ts";
import {
  createStream,
  type Dataset,
  limitPerClass,
  mixedParts,
  type StreamOptions,
  type TaskStream,
} from "../../src/data/mod.ts";
import { type BackendInfo, createExecutor } from "../../src/executors/mod.ts";
import { createMethod, type Method } from "../../src/methods/mod.ts";
import {
  type Cell,
  cellName,
  cellOf,
  checkReturning,
  createFileStore,
  hasAdapters,
  layoutOf,
  type Overlap,
  overlapOf,
  parseCurrent,
  type ProtocolSettings,
  readRecordFile,
  resolveSettings,
  type RunRecord,
  seedName,
  type Source,
} from "../../src/protocol/mod.ts";
import { arithmeticOf } from "./arithmetic.ts";
import { readClassOrder } from "./class_order.ts";
import { loadOptionsOf } from "../commands/backbone_flags.ts";
import { openBackbone } from "../backbones.ts";
import type { Output } from "../cli.ts";
import { costOf, type Drivers, driversOf, taskCosts, totalSeconds, type Units } from "./costs.ts";
import { CELL_THREADS, type Job } from "./jobs.ts";
import { loadData } from "./load_data.ts";
import type { PlannedWork } from "./progress.ts";
import type { Suite } from "./suite.ts";

/** A benchmark whose parts are all there. */
export interface LoadedSuite {
  readonly dataset: Dataset;
  readonly backbone: Awaited<ReturnType<typeof openBackbone>>;
  readonly settings: ProtocolSettings;
  readonly info: BackendInfo;
  /** See `arithmeticOf`. */
  readonly arithmetic: string;
  /** Where data and backbone came from. */
  readonly source: Source;
  /** Why this backend. */
  readonly why: string;
  /** Every cell of the grid, longest first, so that no core idles at the end. */
  readonly cells: readonly PlannedCell[];
}

/** A cell and how to run it. */
export interface PlannedCell {
  readonly cell: Cell;
  readonly method: Method;
  readonly job: Job;
  /** What each of its tasks gives to do. */
  readonly drivers: readonly Drivers[];
}

/**
 * Loads what a suite names and checks every cell of its grid.
 *
 * @param output Told what loading decided for the user
 * @throws {InputError} If a method, an option, a file or a number of tasks is wrong, or a method is of no use on a stream
 * @throws {BackendUnavailableError} If the backend cannot run here
 */
export async function loadSuite(suite: Suite, output?: Output): Promise<LoadedSuite> {
  const settings = resolveSettings(suite.settings);
  const methods = suite.methods.map((spec) => ({ spec, method: createMethod(spec) }));
  const backbone = await openBackbone(suite.backbone, loadOptionsOf(suite.backboneFacts));
  const spec = sizedSpec(suite.data, backbone.config.image);
  const whole = await loadData(spec, output);
  const overlap = overlapOf(backbone, whole);
  for (const seen of overlap) output?.err(overlapNotice(backbone.id, whole, seen));
  const limit = suite.limitPerClass;
  const dataset = limit === undefined ? whole : limitPerClass(whole, { train: limit, test: limit });
  const { executor, why } = await createExecutor(suite.backend, { threads: CELL_THREADS });
  const { info } = executor;
  const arithmetic = await arithmeticOf(executor).finally(() => executor.dispose());
  const { stream: kind, classesPerTask, firstTask, taskSizes, classOrder, evaluate } = suite;
  const order = classOrder === undefined ? undefined : await readClassOrder(classOrder, dataset);
  const parts = {
    ...(kind !== undefined && { stream: kind }),
    ...(classesPerTask !== undefined && { classesPerTask }),
    ...(firstTask !== undefined && { firstTask }),
    ...(taskSizes !== undefined && { taskSizes }),
    ...(order?.order !== undefined && { order: order.order }),
  };
  const scoring = evaluate === undefined ? {} : { evaluate };
  const lonely = lonelyTasks();
  const cells = [...suite.tasks].sort((a, b) => b - a).flatMap((tasks) =>
    suite.seeds.flatMap((seed) => {
      const shape: StreamOptions = { tasks, ...parts, orderSeed: order?.orderSeed ?? seed };
      const stream = createStream(dataset, shape);
      lonely.add(tasks, stream);
      checkReturning(methods.map(({ method }) => method), stream);
      const trainSeed = suite.trainSeed ?? seed;
      return methods.map(({ spec, method }) => {
        const cell = cellOf({
          method,
          stream,
          backbone,
          settings,
          trainSeed,
          ...scoring,
          backend: info.backend,
        });
        return {
          cell,
          method,
          drivers: driversOf(method, stream.tasks, settings, evaluate),
          job: { id: 0, method: spec, stream: shape, trainSeed, ...scoring, name: cellName(cell) },
        };
      });
    })
  );
  const trains = methods.some(({ method }) => method.trains !== false && method.sees === "task");
  if (trains && settings.loss !== "seen") lonely.say(output);
  // A method may be named twice, with options that are its defaults: two workers must not share a record.
  const distinct = [...new Map(cells.map((planned) => [planned.job.name, planned])).values()];
  const numbered = distinct.map((planned, id) => ({ ...planned, job: { ...planned.job, id } }));
  const source = {
    data: {
      spec,
      ...(limit !== undefined && { limitPerClass: { train: limit, test: limit } }),
    },
    backbone: { path: suite.backbone, facts: { ...suite.backboneFacts } as JsonObject },
    ...(overlap.length > 0 && { overlap }),
  };
  return { dataset, backbone, settings, source, info, arithmetic, why, cells: numbered };
}

/** Data sets that are mixed get the backbone's size, so that the record says all that made the images. */
function sizedSpec(spec: string, size: number): string {
  const parts = mixedParts(spec);
  return parts.specs.length > 1 && parts.size === undefined ? `${spec}+size=${size}` : spec;
}

function overlapNotice(
  id: string,
  { name, classNames }: Dataset,
  { trainedOn, by, classes }: Overlap,
): string {
  return `${id} was trained on ${trainedOn}: it has seen ${classes} of ${classNames.length} classes of ${name} ` +
    `(known by ${by}). Records say so; numbers on them are no test of new classes\n`;
}

/** Collects tasks of one class, on which a loss within the task is zero. */
function lonelyTasks() {
  const found = new Map<number, number>();
  return {
    add(count: number, { tasks }: TaskStream): void {
      const own = tasks.filter(({ classes }) => classes.length === 1).length;
      if (own > 0) found.set(count, Math.max(own, found.get(count) ?? 0));
    },
    say(output?: Output): void {
      for (const [count, own] of found) {
        output?.err(
          `T=${count}: ${own} of ${count} tasks have one class. The loss is over a task's own classes, so nothing is ` +
            "trained on them; --set loss=seen takes it over all classes seen\n",
        );
      }
    },
  };
}

/** How one step and one forward pass compare on most machines; what counts where nothing was measured. */
const ORDINARY: Units = { step: 1.05e-3, forward: 4.7e-4 };

/**
 * What a cell takes, task by task.
 *
 * @param units As measured; without, the same everywhere and good for comparisons only
 */
export function plannedWork(
  { cell, job, drivers }: PlannedCell,
  { settings }: LoadedSuite,
  units: Units = ORDINARY,
): PlannedWork {
  const tasks = taskCosts(costOf(cell.method, settings.head), drivers, units);
  return {
    job,
    label: `${job.method} T=${job.stream.tasks} seed ${seedName(cell)}`,
    work: totalSeconds(tasks),
    tasks,
  };
}

/** The finished record of a cell, if there is a whole one. What is wrong with others is said where the cell is run. */
export async function readFinished(out: string, { name }: Job): Promise<RunRecord | undefined> {
  try {
    const text = await ifThere(() => readRecordFile(layoutOf(out).record(name)));
    const record = text?.includes("\n") ? parseCurrent(text, name) : undefined;
    return record?.end ? record : undefined;
  } catch {
    return undefined;
  }
}

/** How many tasks of a cell a folder has, or that it has the whole cell. */
export async function countTasks(out: string, job: Job): Promise<number | "all"> {
  if (await readFinished(out, job)) return "all";
  try {
    const text = await ifThere(() => readRecordFile(layoutOf(out).record(job.name)));
    return text?.includes("\n") ? parseCurrent(text, job.name).tasks.length : 0;
  } catch {
    return 0;
  }
}

/** Whether a finished cell has kept what it trained; one that failed has nothing to keep. */
export async function hasKeptAdapters(out: string, { name }: Job, record?: RunRecord): Promise<boolean> {
  if (!record || record.end?.status === "failed") return true;
  return await hasAdapters(await createFileStore(out, name), record);
}
