/**
 * What a comparison reads from a record, whatever its edition: counts where the record has them, shares always.
 *
 * @module
 */
import type { Json } from "../../core/json.ts";
import { type AnyRecord, isEdition1 } from "../records/parse.ts";
import type { Cell, Cost } from "../records/record.ts";
import type { TaskFamilies } from "./families.ts";
import type { AccuracyMatrix, Counts } from "./metrics.ts";

/** A record for comparison. */
export interface Reading {
  readonly cell: Cell;
  readonly status: "done" | "failed" | "open";
  readonly classIncremental: AccuracyMatrix;
  readonly taskIncremental: AccuracyMatrix;
  /** Right answers and test images, by kind; `undefined` in the first edition, which has none. */
  readonly counts:
    | Readonly<Record<"classIncremental" | "taskIncremental" | "taskInference", Counts>>
    | undefined;
  /** After the last task; absent in the first edition. */
  readonly cost: Cost | undefined;
  /** The dearest task's; absent without training. */
  readonly trainedNumbers: number | undefined;
  readonly keptBytes: { readonly method: number; readonly classifier: number } | undefined;
  /** Of the whole run. */
  readonly seconds: number;
  /** What each task was drawn from, in streams with structure; in no record of the first edition. */
  readonly families: TaskFamilies;
  /** The groups of tasks in the end as the method tells of them, if it does: untrusted. */
  readonly members: Json | undefined;
}

function sharesOf({ hits, images }: Counts): AccuracyMatrix {
  return hits.map((row) => row?.map((found, task) => found / images[task]!));
}

/** Reads a record. */
export function readingOf(record: AnyRecord): Reading {
  const common = {
    cell: record.start.cell,
    status: record.end?.status ?? "open",
    seconds: record.tasks.reduce(
      (total, { seconds }) => total + seconds.train + seconds.method + seconds.evaluate,
      0,
    ),
    members: record.tasks.at(-1)?.facts["members"],
  } as const;
  if (isEdition1(record)) {
    const kept = record.tasks.at(-1)?.keptBytes;
    return {
      ...common,
      families: record.tasks.map(() => undefined),
      classIncremental: record.tasks.map(({ evaluation }) => evaluation?.classIncremental),
      taskIncremental: record.tasks.map(({ evaluation }) => evaluation?.taskIncremental),
      counts: undefined,
      cost: undefined,
      trainedNumbers: undefined,
      keptBytes: kept && { method: kept.method, classifier: kept.head },
    };
  }
  const images = record.tasks.map(({ images }) => images.test);
  const countsOf = (kind: "classIncremental" | "taskIncremental" | "taskInference"): Counts => ({
    hits: record.tasks.map(({ evaluation }) => evaluation?.[kind]),
    images,
  });
  const counts = {
    classIncremental: countsOf("classIncremental"),
    taskIncremental: countsOf("taskIncremental"),
    taskInference: countsOf("taskInference"),
  };
  const trained = record.tasks.flatMap(({ cost }) => cost ? [cost.trainedNumbers] : []);
  return {
    ...common,
    families: record.tasks.map(({ families }) => families),
    classIncremental: sharesOf(counts.classIncremental),
    taskIncremental: sharesOf(counts.taskIncremental),
    counts,
    cost: record.tasks.at(-1)?.cost,
    trainedNumbers: trained.length > 0 ? Math.max(...trained) : undefined,
    keptBytes: record.tasks.at(-1)?.keptBytes,
  };
}
