/**
 * Every metric of a run, counted again from the lines of its record and nothing else: what a leaderboard says is held
 * against this, so none of the leaderboard's own code is used.
 *
 * @module
 */
import type { RunFigures } from "../board/figures.ts";
import { countFamilyFigures } from "./family_figures.ts";
import type { AnyRecord } from "../records/parse.ts";
import { isEdition1 } from "../records/parse.ts";

/** Right answers and images by task; images are 1 where a record has shares only. */
interface Row {
  readonly right: readonly number[];
  readonly images: readonly number[];
}

/** The figures of a record; none of one that is not finished. */
export function countFigures(record: AnyRecord): RunFigures {
  if (record.end?.status !== "done") return {};
  const seconds = record.tasks.map(({ seconds: { train, method, evaluate } }) => train + method + evaluate);
  const common = { seconds: seconds.reduce((sum, value) => sum + value, 0), ...countFamilyFigures(record) };
  const last = record.tasks.at(-1)!;
  if (isEdition1(record)) {
    const rows = (kind: "classIncremental" | "taskIncremental") =>
      record.tasks.map(({ evaluation }) =>
        evaluation && { right: evaluation[kind], images: evaluation[kind].map(() => 1) }
      );
    const { head, method } = record.tasks.at(-1)!.keptBytes;
    return defined({
      ...common,
      ...figuresOfTasks(rows("classIncremental")),
      taskIncrementalTaskMean: meanShare(rows("taskIncremental").at(-1)!),
      keptBytes: method,
      classifierBytes: head,
    });
  }
  const images = record.tasks.map(({ images }) => images.test);
  const rows = (kind: "classIncremental" | "taskIncremental" | "taskInference") =>
    record.tasks.map(({ evaluation }) => evaluation && { right: evaluation[kind], images });
  const { keptBytes, cost } = record.tasks.at(-1)!;
  const all = rows("classIncremental");
  const stages = all.every((row) => row !== undefined) ? all.map((row) => overImages(row!)) : [];
  const trained = record.tasks.flatMap(({ cost }) => cost ? [cost.trainedNumbers] : []);
  return defined({
    ...common,
    ...figuresOfTasks(all),
    pooled: last.evaluation && overImages(all.at(-1)!),
    averagePooled: average(stages),
    taskIncrementalPooled: overImages(rows("taskIncremental").at(-1)!),
    taskIncrementalTaskMean: meanShare(rows("taskIncremental").at(-1)!),
    taskInference: overImages(rows("taskInference").at(-1)!),
    keptBytes: keptBytes.method,
    classifierBytes: keptBytes.classifier,
    flopPerTrainingImage: cost?.flopPerTrainingImage,
    flopPerTestImage: cost?.flopPerTestImage,
    passesPerTestImage: cost?.passesPerTestImage,
    deployedBytes: cost?.deployedBytes,
    trainedNumbers: trained.length > 0 ? Math.max(...trained) : undefined,
  });
}

/** What follows from shares of tasks, which every edition has. */
function figuresOfTasks(rows: readonly (Row | undefined)[]) {
  const final = rows.at(-1)!;
  const taskMean = meanShare(final);
  if (!rows.every((row) => row !== undefined)) return { taskMean };
  const share = (after: number, task: number) => rows[after]!.right[task]! / rows[after]!.images[task]!;
  const end = rows.length - 1;
  const earlier = Array.from({ length: end }, (_, task) => task);
  return {
    taskMean,
    averageTaskMean: average(rows.map((row) => meanShare(row!)!)),
    plasticity: average(rows.map((_, task) => share(task, task))),
    backwardTransfer: average(earlier.map((task) => share(end, task) - share(task, task))),
    forgetting: average(earlier.map((task) => {
      let best = -Infinity;
      for (let after = task; after < end; after++) best = Math.max(best, share(after, task));
      return best - share(end, task);
    })),
  };
}

function average(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanShare(row: Row | undefined): number | undefined {
  return row && average(row.right.map((right, task) => right / row.images[task]!));
}

function overImages({ right, images }: Row): number {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return sum(right) / sum(images.slice(0, right.length));
}

function defined(figures: Readonly<Record<string, number | undefined>>): RunFigures {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined));
}
