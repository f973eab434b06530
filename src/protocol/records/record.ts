/**
 * What a run writes down: facts, one JSON object a line, appended as they happen. Counts stand where shares could,
 * so that any definition of accuracy follows from a record; averages, ranks and intervals are derived later.
 *
 * This is the present edition. What earlier ones looked like is in `edition1.ts`.
 *
 * @module
 */
import { hashJson, type Json, type JsonObject } from "../../core/json.ts";
import type { StructuredStream } from "../../data/stream.ts";
import type { Overlap } from "../overlap.ts";
import type { ProtocolSettings } from "../settings.ts";

/** Bumped when the protocol or the record changes such that numbers of two editions must not share a table. */
export const EDITION = 2;

/** After which tasks a run is scored: all, only the last, or every so many and the last. */
export type EvaluateWhen = "all" | "last" | number;

/** Everything that identifies one cell of a benchmark: equal cells give equal hashes. */
export interface Cell {
  /** `EDITION` of the protocol that wrote it. */
  readonly edition: number;
  /** Name in the registry. */
  readonly method: string;
  /** Resolved. */
  readonly options: JsonObject;
  /** Name for people, hash of the content, and the numbers of classes, training images and test images. */
  readonly dataset: {
    readonly name: string;
    readonly fingerprint: string;
    readonly classes: number;
    readonly train: number;
    readonly test: number;
  };
  /** Name for people, and hash of architecture and weights. */
  readonly backbone: { readonly id: string; readonly hash: string };
  /** Name of the backend. */
  readonly backend: string;
  /** Number of tasks. */
  readonly tasks: number;
  /** What tasks have in common; absent where classes come at random. */
  readonly stream?: StructuredStream;
  /** If a setting of the stream; otherwise all classes are dealt out to the tasks. */
  readonly classesPerTask?: number;
  /** Classes of the first task, if a setting of the stream. */
  readonly firstTask?: number;
  /** Classes of every task, if a setting of the stream. */
  readonly taskSizes?: readonly number[];
  /** `"numpy"` for NumPy's shuffle, `"given:…"` for a list; absent for our own shuffle. */
  readonly classOrder?: string;
  /** Absent if every task is followed by an evaluation. */
  readonly evaluate?: Exclude<EvaluateWhen, "all">;
  /** Seed of the class order; 0 where the order is given. */
  readonly orderSeed: number;
  /** Seed of everything random in training. */
  readonly trainSeed: number;
  /** Hash of the class order and of every task's images and condition. */
  readonly streamHash: string;
  /** What is the same for all methods. */
  readonly settings: ProtocolSettings;
}

/** Where a run took place; for people, not part of the hash. */
export type Environment = Readonly<Record<string, Json>>;

/** Where data and backbone came from: what is needed to run a cell again, without being part of its identity. */
export interface Source {
  /** Where the data set came from. */
  readonly data?: {
    /** As given. */
    readonly spec: string;
    readonly limitPerClass?: { readonly train: number; readonly test: number };
  };
  /** Where the backbone came from. */
  readonly backbone?: {
    /** Name or path, as given. */
    readonly path: string;
    /** What the user said of it, since no file does. */
    readonly facts: JsonObject;
  };
  /** What of the data the backbone was trained on, by its card; absent if nothing is known to be. */
  readonly overlap?: readonly Overlap[];
}

/** What a model costs, counted and not timed. */
export interface Cost {
  /** Floating-point operations of a training step by its images; absent without training. */
  readonly flopPerTrainingImage?: number;
  /** Floating-point operations that score one test image, over all passes. */
  readonly flopPerTestImage: number;
  /** Forward passes of the backbone for one test image. */
  readonly passesPerTestImage: number;
  /** Bytes that must be there at test time beside the backbone, the classifier included. */
  readonly deployedBytes: number;
  /** Numbers that the optimiser changed in this task. */
  readonly trainedNumbers: number;
}

/** Hashes of a line and of all before it. */
export interface Seal {
  /** Over everything that must repeat: not the seconds, and not the machine. */
  readonly hash: string;
  /** Over everything. */
  readonly chain: string;
}

/** What the first line says. */
export interface StartFacts {
  /** Which line it is. */
  readonly event: "start";
  /** What is run. */
  readonly cell: Cell;
  /** Machine, versions and device. */
  readonly environment: Environment;
  /** Absent where the program that ran the cell did not say. */
  readonly source?: Source;
}

/** What a task's line says. */
export interface TaskFacts {
  /** Which line it is. */
  readonly event: "task";
  /** Of the task, from 0. */
  readonly index: number;
  /** Class numbers of the task. */
  readonly classes: readonly number[];
  /** What they were drawn from, in streams with structure: families, or data sets; of domains that of the condition. */
  readonly families?: readonly string[];
  /** Under which its images were seen, in both splits; absent where they were seen as they are. */
  readonly condition?: string;
  /** Of this task, in both splits. */
  readonly images: { readonly train: number; readonly test: number };
  /** Absent if the method is not evaluated after this task. */
  readonly evaluation?: Evaluation;
  /** Loss of the first and last step and the number of steps; absent without training. */
  readonly training?: { readonly steps: number; readonly firstLoss: number; readonly lastLoss: number };
  /** Absent where it was not counted. */
  readonly cost?: Cost;
  /** Bytes kept for the next task by the method, and by the classifier of all methods. */
  readonly keptBytes: { readonly method: number; readonly classifier: number };
  /** What the method says of itself. */
  readonly facts: JsonObject;
  /** In training, in the rest of the method's work, and in evaluation; no part of the hash. */
  readonly seconds: { readonly train: number; readonly method: number; readonly evaluate: number };
  /** Where the run went on, if that is not where the tasks before took place. */
  readonly environment?: Environment;
}

/** Right answers after a task, per task seen: of the `images.test` of each. */
export interface Evaluation {
  /** Test images whose class is the highest-scoring of all classes seen. */
  readonly classIncremental: readonly number[];
  /** The same among the task's own classes, as if the task were known; equal to it where a task has all classes. */
  readonly taskIncremental: readonly number[];
  /** Test images whose predicted class belongs to the right task; all where a task has all classes. */
  readonly taskInference: readonly number[];
  /** SHA-256 of the predicted classes in stream order. */
  readonly predictionHash: string;
}

/** What the last line says: how it ended. */
export interface EndFacts {
  /** Which line it is. */
  readonly event: "end";
  /** `"failed"` if training diverged. */
  readonly status: "done" | "failed";
  /** Why and at which step of which task, if failed. */
  readonly failure?: { readonly message: string; readonly task: number; readonly step: number };
  /** What the backend says of itself in the end, when it knows which kernel variants it used. */
  readonly details: Environment;
}

/** The first line of a record. */
export type StartEvent = StartFacts & Seal;
/** One line per task. */
export type TaskEvent = TaskFacts & Seal;
/** The last line. Its `hash` is that of the record. */
export type EndEvent = EndFacts & Seal;
/** A line of a record. */
export type RecordEvent = StartEvent | TaskEvent | EndEvent;

/** A whole or unfinished run. */
export interface RunRecord {
  /** The first line. */
  readonly start: StartEvent;
  /** One line for each task that is done, in order. */
  readonly tasks: readonly TaskEvent[];
  /** Absent while the run is unfinished. */
  readonly end?: EndEvent;
}

/** Identity of a cell: 12 hexadecimal digits for file names. */
export function cellKey(cell: Cell): string {
  return hashJson(cell).slice(0, 12);
}

/** Name of a cell's files: readable, and unique by its key. */
export function cellName(cell: Cell): string {
  const method = cell.method.replaceAll(/[^\w-]/g, "_");
  return `${method}-T${cell.tasks}-s${cell.orderSeed}-${cellKey(cell)}`;
}

/** The seeds of a cell for people: one number where the class order and training share it or the order was given. */
export function seedName({ orderSeed, trainSeed, classOrder }: Cell): string {
  const isOne = orderSeed === trainSeed || classOrder?.startsWith("given");
  return isOne ? `${trainSeed}` : `${orderSeed}/${trainSeed}`;
}

/** Whether a run is scored after a task. */
export function isEvaluated(when: EvaluateWhen | undefined, index: number, tasks: number): boolean {
  if (index === tasks - 1 || when === undefined || when === "all") return true;
  return when !== "last" && (index + 1) % when === 0;
}
