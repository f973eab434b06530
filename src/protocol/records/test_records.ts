/**
 * Records made by hand, for tests of what is derived from them.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { canonicalJson, type JsonObject, sha256 } from "../../core/json.ts";
import {
  type Cell,
  type Cost,
  EDITION,
  type EndFacts,
  type RecordEvent,
  type RunRecord,
  type Source,
  type StartFacts,
  type TaskEvent,
  type TaskFacts,
} from "./record.ts";
import { seal } from "./seal.ts";
import { type ProtocolSettings, resolveSettings } from "../settings.ts";

/** What matters of a record. */
export interface RecordParts {
  readonly method: string;
  readonly options?: JsonObject;
  readonly seed?: number;
  readonly trainSeed?: number;
  readonly backend?: string;
  readonly settings?: Partial<ProtocolSettings>;
  /** Rows of class-incremental shares; the task-incremental ones are halfway to 1. */
  readonly matrix: readonly (readonly number[] | undefined)[];
  /** Of the whole stream, if the record does not reach its end. */
  readonly tasks?: number;
  readonly classesPerTask?: number;
  /** `"open"`: no end line. */
  readonly status?: "done" | "failed" | "open";
  readonly keptBytes?: number;
  /** Test images of each task; 80 by default. */
  readonly images?: readonly number[];
  readonly cost?: Cost;
  /** Of each task. */
  readonly families?: readonly (readonly string[])[];
  /** What the method says after each task. */
  readonly facts?: readonly JsonObject[];
  readonly source?: Source;
  /** Further parts of the cell. */
  readonly cell?: Partial<Cell>;
}

/** A cell with the parts that matter. */
export function cellWith(
  parts: RecordParts,
): Cell {
  const { method, options = {}, seed = 0, trainSeed = seed, backend = "reference" } = parts;
  const { settings, matrix, tasks, classesPerTask } = parts;
  const count = tasks ?? matrix.length;
  return {
    edition: EDITION,
    method,
    options,
    dataset: { name: "toy", fingerprint: sha256("toy"), classes: 8, train: 80, test: 40 },
    backbone: { id: "tiny", hash: sha256("tiny") },
    backend,
    tasks: count,
    ...(classesPerTask && { classesPerTask }),
    orderSeed: seed,
    trainSeed,
    streamHash: sha256(`${count} ${seed}`),
    settings: resolveSettings(settings),
    ...parts.cell,
  };
}

/** A record as a run would have left it. Each task took 1 + 2 + 4 seconds. */
export function recordOf(parts: RecordParts): RunRecord {
  const { matrix, status = "done", keptBytes = 100, images = [], cost } = parts;
  const start = seal<StartFacts>({
    event: "start",
    cell: cellWith(parts),
    environment: { device: "test" },
    ...(parts.source && { source: parts.source }),
  });
  const tasks: TaskEvent[] = [];
  matrix.forEach((row, index) => {
    const hits = (share: number, task: number) => Math.round(share * (images[task] ?? 80));
    const facts: TaskFacts = {
      event: "task",
      index,
      classes: [2 * index, 2 * index + 1],
      ...(parts.families && { families: parts.families[index]! }),
      images: { train: 20, test: images[index] ?? 80 },
      ...(row && {
        evaluation: {
          classIncremental: row.map(hits),
          taskIncremental: row.map((share) => (1 + share) / 2).map(hits),
          taskInference: row.map(() => 0.5).map(hits),
          predictionHash: sha256(`${row}`),
        },
        training: { steps: 4, firstLoss: 0.7, lastLoss: 0.1 },
      }),
      ...(cost && { cost }),
      keptBytes: { method: keptBytes * (index + 1), classifier: 64 },
      facts: parts.facts?.[index] ?? {},
      seconds: { train: 1, method: 2, evaluate: 4 },
    };
    tasks.push(seal(facts, tasks.at(-1) ?? start));
  });
  if (status === "open") return { start, tasks };
  const failure = status === "failed"
    ? { message: "Training diverged: the loss of step 3 is NaN", task: tasks.length, step: 3 }
    : undefined;
  const facts: EndFacts = {
    event: "end",
    status,
    ...(failure && { failure }),
    details: { version: "1" },
  };
  return { start, tasks, end: seal(facts, tasks.at(-1) ?? start) };
}

/** The lines of a record. */
export function textOf({ start, tasks, end }: RunRecord): string {
  const events: RecordEvent[] = [start, ...tasks, ...(end ? [end] : [])];
  return events.map((event) => `${canonicalJson(event)}\n`).join("");
}
