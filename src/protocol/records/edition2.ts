/**
 * The present edition of records: schema and reader.
 *
 * @module
 */
import { z } from "zod";
import { structuredStreams } from "../../data/stream.ts";
import { settingsSchema } from "../settings.ts";
import { arrange, checkLines, type Fail } from "./lines.ts";
import type {
  Cell,
  Cost,
  EndEvent,
  RecordEvent,
  RunRecord,
  Source,
  StartEvent,
  TaskEvent,
} from "./record.ts";
import { EDITION } from "./record.ts";
import { methodName, name } from "./limits.ts";
import { backbone, count, dataset, failure, hash, jsonObject, seconds, tasks, training } from "./schema.ts";
import { seal, unsealed } from "./seal.ts";

const positive = z.int().min(1);

const cell: z.ZodType<Cell> = z.strictObject({
  edition: z.literal(EDITION),
  method: methodName,
  options: jsonObject,
  dataset,
  backbone,
  backend: name,
  tasks,
  stream: z.enum(structuredStreams).exactOptional(),
  classesPerTask: positive.exactOptional(),
  firstTask: positive.exactOptional(),
  taskSizes: z.array(positive).min(1).exactOptional(),
  classOrder: name.exactOptional(),
  evaluate: z.union([z.literal("last"), positive]).exactOptional(),
  orderSeed: z.int(),
  trainSeed: z.int(),
  streamHash: hash,
  settings: settingsSchema,
});

const source: z.ZodType<Source> = z.strictObject({
  data: z.strictObject({
    spec: z.string(),
    limitPerClass: z.strictObject({ train: positive, test: positive }).exactOptional(),
  }).exactOptional(),
  backbone: z.strictObject({ path: z.string(), facts: jsonObject }).exactOptional(),
  overlap: z.array(z.strictObject({
    trainedOn: name,
    by: z.enum(["content", "name", "classes"]),
    classes: positive,
  })).min(1).exactOptional(),
});

const cost: z.ZodType<Cost> = z.strictObject({
  flopPerTrainingImage: z.number().min(0).exactOptional(),
  flopPerTestImage: z.number().min(0),
  passesPerTestImage: z.number().min(0),
  deployedBytes: count,
  trainedNumbers: count,
});

const sealed = { hash, chain: hash };

/** A line. */
export const event2: z.ZodType<RecordEvent> = z.discriminatedUnion("event", [
  z.strictObject({
    event: z.literal("start"),
    cell,
    environment: jsonObject,
    source: source.exactOptional(),
    ...sealed,
  }),
  z.strictObject({
    event: z.literal("task"),
    index: count,
    classes: z.array(count).min(1),
    families: z.array(name).min(1).exactOptional(),
    condition: name.exactOptional(),
    images: z.strictObject({ train: count, test: positive }),
    evaluation: z.strictObject({
      classIncremental: z.array(count),
      taskIncremental: z.array(count),
      taskInference: z.array(count),
      predictionHash: hash,
    }).exactOptional(),
    training: training.exactOptional(),
    cost: cost.exactOptional(),
    keptBytes: z.strictObject({ method: count, classifier: count }),
    facts: jsonObject,
    seconds,
    environment: jsonObject.exactOptional(),
    ...sealed,
  }),
  z.strictObject({
    event: z.literal("end"),
    status: z.enum(["done", "failed"]),
    failure: failure.exactOptional(),
    details: jsonObject,
    ...sealed,
  }),
]);

/** Reads the lines of a record of this edition. */
export function parseEdition2(values: readonly unknown[], fail: Fail): RunRecord {
  const events = checkLines(values, event2, fail);
  const record: RunRecord = arrange<StartEvent, TaskEvent, EndEvent>(events, fail);
  record.tasks.forEach((task, i) => checkHits(task, record.tasks, (found) => fail(i + 2, found)));
  events.forEach((event, i) => {
    const { hash, chain } = seal(unsealed(event), events[i - 1]);
    if (hash !== event.hash) fail(i + 1, "the hash does not fit this line and those above");
    if (chain !== event.chain) fail(i + 1, "the chain does not fit this line and those above");
  });
  return record;
}

/** A task has no more right answers than test images. */
function checkHits(
  { index, evaluation }: TaskEvent,
  tasks: readonly TaskEvent[],
  fail: (found: string) => never,
): void {
  for (const kind of ["classIncremental", "taskIncremental", "taskInference"] as const) {
    const hits = evaluation?.[kind];
    if (!hits) continue;
    if (hits.length !== index + 1) fail(`found ${hits.length} counts in ${kind}, wanted ${index + 1}`);
    const wrong = hits.findIndex((found, task) => found > tasks[task]!.images.test);
    if (wrong >= 0) {
      fail(`found ${hits[wrong]} right answers of ${tasks[wrong]!.images.test} in ${kind} of task ${wrong}`);
    }
  }
}
