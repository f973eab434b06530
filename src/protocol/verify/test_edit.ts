/**
 * Records with something changed and hashes that fit the change.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import type { RecordEvent, RunRecord } from "../records/record.ts";
import { seal, unsealed } from "../records/seal.ts";
import { cellWith, recordOf, type RecordParts, textOf } from "../records/test_records.ts";
import { createDataset, type Dataset } from "../../data/dataset.ts";
import { createStream, type StreamOptions } from "../../data/stream.ts";
import { createMethod } from "../../methods/mod.ts";
import { cellName } from "../records/record.ts";
import { describeFinding } from "./finding.ts";
import { verifyText } from "./verify.ts";

/** Eight classes of six training and five test images each, of one pixel. */
export const dataset: Dataset = createDataset({
  name: "toy",
  channels: 1,
  height: 1,
  width: 1,
  classNames: Array.from({ length: 8 }, (_, i) => `c${i}`),
  train: splitOf(6),
  test: splitOf(5),
});

function splitOf(perClass: number) {
  const count = 8 * perClass;
  return {
    images: Uint8Array.from({ length: count }, (_, i) => i),
    labels: Int32Array.from({ length: count }, (_, i) => i % 8),
    count,
  };
}

/** A record that a run on the data set could have left. */
export function soundRecord(
  parts: Partial<RecordParts> & { readonly stream?: Partial<StreamOptions> } = {},
): RunRecord {
  const { matrix = [[0.9], [0.5, 0.6]], method = "ham", seed = 3, stream: cut } = parts;
  const stream = createStream(dataset, { tasks: matrix.length, orderSeed: seed, ...cut });
  const { name, fingerprint, classNames, train, test } = dataset;
  const options = createMethod(method).options;
  const cell = {
    ...cellWith({ ...parts, matrix, method, seed, options }),
    dataset: { name, fingerprint, classes: classNames.length, train: train.count, test: test.count },
    ...stream.cut,
    orderSeed: stream.orderSeed,
    streamHash: stream.hash,
    ...parts.cell,
  };
  const images = stream.tasks.map(({ test }) => test.length);
  const cost = {
    flopPerTrainingImage: 3,
    flopPerTestImage: 1,
    passesPerTestImage: 1,
    deployedBytes: 8,
    trainedNumbers: 4,
  };
  const record = recordOf({ ...parts, matrix, method, seed, options, images, cost, cell });
  return edited(record, (event) => {
    if (event["event"] !== "task") return;
    const task = stream.tasks[event["index"] as number]!;
    event["classes"] = task.classes;
    if (task.families) event["families"] = task.families;
    if (task.condition !== undefined) event["condition"] = task.condition;
    event["images"] = { train: task.train.length, test: task.test.length };
    const evaluation = event["evaluation"] as {
      taskInference: number[];
      taskIncremental: number[];
      classIncremental: number[];
    } | undefined;
    if (!evaluation) {
      delete event["cost"];
      event["seconds"] = { train: 0, method: 2, evaluate: 0 };
      return;
    }
    const hasAll = event["index"] === 0 || task.condition !== undefined;
    const placed = evaluation.classIncremental.map((_, place) => images[place]!);
    evaluation.taskInference = hasAll ? placed : [...evaluation.classIncremental];
    if (hasAll) evaluation.taskIncremental = [...evaluation.classIncremental];
  });
}

/** The record with every line changed as wanted, and sealed anew. */
export function edited(
  record: RunRecord,
  change: (event: Record<string, unknown>, line: number) => void,
): RunRecord {
  const { start, tasks, end } = JSON.parse(JSON.stringify(record)) as RunRecord;
  const sealed: RecordEvent[] = [];
  [start, ...tasks, ...(end ? [end] : [])].forEach((event, i) => {
    change(event as unknown as Record<string, unknown>, i + 1);
    sealed.push(seal(unsealed(event as never), sealed.at(-1)) as RecordEvent);
  });
  return {
    start: sealed[0] as RunRecord["start"],
    tasks: sealed.slice(1, 1 + tasks.length) as unknown as RunRecord["tasks"],
    ...(end && { end: sealed.at(-1) as NonNullable<RunRecord["end"]> }),
  };
}

/** What verification of a record's text brings up, one line each. */
export function findingsOf(record: RunRecord): string[] {
  const fileName = `${cellName(record.start.cell)}.jsonl`;
  return verifyText(textOf(record), fileName, { fileName }).findings.map(describeFinding);
}
