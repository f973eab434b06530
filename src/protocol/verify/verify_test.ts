import assert from "node:assert/strict";
import { sha256 } from "../../core/json.ts";
import { limitClasses } from "../../data/dataset.ts";
import { cellName } from "../records/record.ts";
import type { RunRecord1 } from "../records/edition1.ts";
import { parseRecord } from "../records/parse.ts";
import { textOf } from "../records/test_records.ts";
import { compareAll } from "./agreement.ts";
import { checkShares } from "./counts.ts";
import { describeFinding } from "./finding.ts";
import { dataset, edited, findingsOf, soundRecord } from "./test_edit.ts";
import { verifyText, withData } from "./verify.ts";

const sound = soundRecord();

/** Changes a part of one line. */
function inLine(line: number, change: (event: never) => void, record = sound) {
  return edited(record, (event, i) => {
    if (i === line) change(event as never);
  });
}

function ofData(record: typeof sound): string[] {
  return withData(verifyText(textOf(record), "x"), dataset).findings.map(describeFinding);
}

/** One finding is all there is, and it says this. */
function assertFound(record: typeof sound, message: RegExp): void {
  const found = findingsOf(record);
  assert.ok(found.some((text) => message.test(text)), `wanted ${message}, found\n${found.join("\n")}`);
}

Deno.test("verifyText() finds nothing in what runs leave", () => {
  const records = [
    sound,
    soundRecord({ matrix: [[0.9], [0.5, 0.6], [0.1, 0.2, 0.3]] }),
    soundRecord({ method: "joint", matrix: [undefined, [0.5, 0.6]] }),
    soundRecord({ matrix: [undefined, [0.5, 0.6]], cell: { evaluate: "last" } }),
    soundRecord({ stream: { classesPerTask: 2 } }),
    soundRecord({ stream: { firstTask: 5 } }),
    soundRecord({ stream: { taskSizes: [1, 3] }, matrix: [[1], [0, 0.6]] }),
    soundRecord({ stream: { order: "numpy" } }),
    soundRecord({ stream: { order: [7, 6, 5, 4, 3, 2, 1, 0] } }),
    soundRecord({ stream: { order: [7, 6, 5, 4, 3, 2, 1, 0], classesPerTask: 2 } }),
    soundRecord({ stream: { stream: "domains" } }),
    soundRecord({ stream: { stream: "domains" }, matrix: [[0.9], [0.5, 0.6], [0.1, 0.2, 0.3]] }),
    soundRecord({ matrix: [[0.9]], tasks: 1, status: "failed" }),
  ];
  for (const record of records) {
    const isOneClass = record.start.cell.taskSizes !== undefined;
    const found = findingsOf(record).filter((text) => !(isOneClass && text.includes("among one class")));
    assert.deepEqual(found, [], cellName(record.start.cell));
    assert.deepEqual(ofData(record).filter((text) => text.startsWith("split")), []);
  }
});

Deno.test("verifyText() says what no reader takes, and never throws", () => {
  const look = (text: string) => verifyText(text, "x").findings.map(describeFinding);
  const lines = textOf(sound).split("\n");
  assert.deepEqual(look(""), ["shape, line 1: found no start event, wanted a line as a run writes it"]);
  assert.deepEqual(look(textOf(sound).replace('"edition":2', '"edition":9')), [
    "shape: found Cannot read record x: found edition 9, wanted 1 or 2, wanted a record",
  ]);
  assert.deepEqual(look([...lines.slice(0, 2), lines[3], ""].join("\n")), [
    "shape, line 3: found 1 tasks, wanted 2",
  ]);
  assert.deepEqual(look(textOf(sound).replace('"evaluate":4', '"evaluate":5')), [
    "seal, line 2: found the chain does not fit this line and those above, wanted lines as they were written",
  ]);
  const spaced = textOf(sound).replace(",", ", ");
  assert.match(look(spaced).join(), /^seal, line 1: found a line written in another way/);
  assert.match(
    look(textOf(sound).replace('"evaluate":4', '"evaluate":4.0')).join(),
    /written in another way/,
  );
  assert.match(look(`${textOf(sound)}{"event"`).join(), /^shape, line 5: found a line that is cut off/);
});

Deno.test("verifyText() holds the file's name against its cell", () => {
  const fileName = "ham-T2-s3-000000000000.jsonl";
  const { findings } = verifyText(textOf(sound), fileName, { fileName });
  assert.deepEqual(findings.map(describeFinding), [
    `name: found file ${fileName}, wanted ${cellName(sound.start.cell)}.jsonl`,
  ]);
});

Deno.test("verifyText() finds right answers that cannot be", () => {
  type Scored = { evaluation: Record<string, number[]> };
  const scores = (all: number, own: number, placed: number) =>
    inLine(3, ({ evaluation }: Scored) => {
      evaluation["classIncremental"]![0] = all;
      evaluation["taskIncremental"]![0] = own;
      evaluation["taskInference"]![0] = placed;
    });
  assert.deepEqual(findingsOf(scores(10, 15, 15)), []);
  assertFound(
    scores(12, 11, 13),
    /^counts, line 3: found 12 right answers among all classes and 11 among its own/,
  );
  assertFound(
    scores(12, 13, 11),
    /^counts, line 3: found 12 right answers and 11 predictions within the task/,
  );
  // 15 and 16 of 20 images have at least 11 in common.
  assertFound(
    scores(10, 15, 16),
    /^counts, line 3: found 15 right .* wanted at least 11 right among all 20 images$/,
  );
  assertFound(
    inLine(2, ({ evaluation }: Scored) => evaluation["taskInference"]![0]!--),
    /within the only task of task 0/,
  );
  assertFound(
    inLine(2, ({ evaluation }: Scored) => evaluation["classIncremental"]![0] = 21),
    /shape, line 2: found 21 right/,
  );
});

Deno.test("verifyText() finds tasks and scores that are missing or too many", () => {
  const failed = soundRecord({ matrix: [[0.9]], tasks: 1, status: "failed" });
  assertFound(
    inLine(3, (event: { failure: { task: number } }) => event.failure.task = 0, failed),
    /a failure in task 0/,
  );
  const { end: _, ...open } = sound;
  assertFound(open, /^tasks, line 3: found no end after 2 of 2 tasks, wanted a finished run$/);
  assertFound(
    inLine(2, (event: { evaluation?: object }) => delete event.evaluation),
    /^tasks, line 2: found no scores/,
  );
  const last = edited(sound, (event, i) => {
    if (i === 1) Object.assign(event["cell"] as object, { evaluate: "last" });
  });
  assertFound(last, /^tasks, line 2: found scores, wanted none as evaluate=last says$/);
  const joint = soundRecord({ method: "joint", matrix: [[0.9], [0.5, 0.6]] });
  assertFound(joint, /^tasks, line 2: found scores, wanted none after the last task, for a bound$/);
  assertFound(soundRecord({ method: "simplecil" }), /^tasks, line 2: found a training, wanted none/);
});

Deno.test("verifyText() finds methods, options and settings that this program would not write", () => {
  type Start = { cell: Record<string, Record<string, unknown> | string> };
  const cell = (change: (cell: Start["cell"]) => void) => inLine(1, ({ cell }: Start) => change(cell));
  assertFound(cell((cell) => cell["method"] = "hum"), /^method, line 1: found "hum", wanted one of naive, /);
  assertFound(
    cell(({ options }) => (options as Record<string, unknown>)["wings"] = 2),
    /^method, .*unknown option wings/,
  );
  assertFound(
    cell((cell) => cell["options"] = {}),
    /^method, line 1: found options \{\}, wanted \{.*as ham resolves them$/,
  );
  assertFound(
    cell(({ settings }) => (settings as Record<string, unknown>)["loss"] = "task"),
    /^method, line 1: found settings/,
  );
});

Deno.test("verifyText() finds classes that do not follow from the seed", () => {
  const swapped = edited(sound, (event, i) => {
    const classes = event["classes"] as number[] | undefined;
    if (i === 2) classes!.reverse();
  });
  assertFound(swapped, /^split, line 2: found classes .*, wanted .*, which follow from the seed$/);
  const twice = soundRecord({ stream: { order: [7, 6, 5, 4, 3, 2, 1, 0] } });
  assertFound(
    inLine(3, (event: { classes: number[] }) => event.classes[0] = 7, twice),
    /class 7 a second time/,
  );
  assertFound(
    inLine(3, (event: { classes: number[] }) => event.classes.reverse(), twice),
    /found class order given:\w+, wanted given:\w+, as/,
  );
  assertFound(
    inLine(2, (event: { classes: number[] }) => event.classes.pop(), twice),
    /found classes 7,6,5, wanted 4 classes/,
  );
  assertFound(
    inLine(1, (event: { cell: { orderSeed: number } }) => event.cell.orderSeed = 9, twice),
    /order seed 9 beside a given order/,
  );
  assertFound(
    inLine(1, (event: { cell: { classOrder: string } }) => event.cell.classOrder = "mine", sound),
    /class order mine/,
  );
  assertFound(
    inLine(1, (event: { cell: { taskSizes: number[] } }) => event.cell.taskSizes = [5, 4]),
    /found 8 classes, wanted 9/,
  );
  assertFound(
    inLine(2, (event: { images: { train: number } }) => event.images.train++),
    /found 49 train images in all tasks, wanted the 48/,
  );
});

Deno.test("withData() finds streams that do not follow from data and seed", () => {
  const found = (record: typeof sound) => ofData(record).join("\n");
  assert.equal(found(sound), "");
  const start = (change: (cell: Record<string, unknown>) => void) =>
    inLine(1, ({ cell }: { cell: Record<string, unknown> }) => change(cell));
  assert.match(
    found(start((cell) => cell["streamHash"] = sha256("x"))),
    /^split, line 1: found stream .*, wanted /,
  );
  assert.match(
    found(start((cell) => Object.assign(cell["dataset"] as object, { test: 41 }))),
    /found 41 of test/,
  );
  const moved = edited(sound, (event, i) => {
    if (i === 2) (event["images"] as { train: number }).train++;
    if (i === 3) (event["images"] as { train: number }).train--;
  });
  assert.equal(findingsOf(moved).length, 0);
  assert.match(found(moved), /^split, line 2: found 25 train images, wanted 24\nsplit, line 3: found 23/);
  const other = withData(verifyText(textOf(sound), "x"), limitClasses(dataset, 7));
  assert.match(other.findings.map(describeFinding).join(), /^split, line 1: found data set /);
});

Deno.test("verification finds domains that are none, and conditions that do not follow from the seed", () => {
  const record = soundRecord({ stream: { stream: "domains" } });
  assert.deepEqual(findingsOf(record), []);
  assert.deepEqual(ofData(record), []);
  type Task = {
    condition?: string;
    families?: string[];
    classes: number[];
    images: { train: number; test: number };
    evaluation: Record<string, number[]>;
  };
  const task = (change: (task: Task) => void) => inLine(3, change as (event: never) => void, record);
  const first = record.tasks[0]!.condition!;
  assertFound(task((event) => delete event.condition), /^split, line 3: found no condition, wanted one$/);
  assertFound(
    task((event) => event.condition = first),
    /^split, line 3: found condition .* a second time, wanted every condition once$/,
  );
  assertFound(task(({ classes }) => classes.pop()), /^split, line 3: found 7 classes, wanted all 8$/);
  assertFound(
    task(({ classes }) => classes[1] = classes[0]!),
    /^split, line 3: found class \d a second time, wanted every class once$/,
  );
  assertFound(task(({ images }) => images.test++), /^split, line 3: found 41 test images, wanted the 40/);
  assertFound(
    task(({ images }) => images.train = 3),
    /^split: found 27 train images in all tasks, wanted 48 to/,
  );
  assertFound(
    task(({ evaluation }) => evaluation["taskInference"]![0]!--),
    /^counts, line 3: found 39 predictions within a task of all classes of task 0, wanted all 40$/,
  );
  assertFound(
    task(({ evaluation }) => evaluation["taskIncremental"]![0]!++),
    /^counts, line 3: found 21 right/,
  );
  assertFound(
    soundRecord({ stream: { stream: "domains" }, method: "routed" }),
    /^method, line 1: found routed on/,
  );
  assertFound(
    inLine(3, (event: Task) => event.condition = "blur 1"),
    /^split, line 3: found condition blur 1, wanted none$/,
  );
  const byData = (changed: typeof record) => ofData(changed).join("\n");
  assert.match(
    byData(task((event) => event.condition = "blur 1")),
    /^split, line 3: found condition blur 1, wanted .*, which follows from the seed$/,
  );
  assert.match(
    byData(task(({ classes }) => classes.reverse())),
    /^split, line 3: found classes .* from the seed$/,
  );
  assert.match(byData(task((event) => event.families = ["x"])), /^split, line 3: found families x, wanted /);
  const seeded = inLine(1, ({ cell }: { cell: { orderSeed: number } }) => cell.orderSeed++, record);
  assert.match(byData(seeded), /found stream .*, wanted .*\n.*found condition/);
  const sized = inLine(
    1,
    ({ cell }: { cell: { classesPerTask?: number } }) => cell.classesPerTask = 4,
    record,
  );
  assert.match(byData(sized), /found 4 classes per task, wanted none/);
});

Deno.test("verifyText() finds costs that contradict one another", () => {
  type Task = { cost: Record<string, number>; seconds: Record<string, number>; training?: { steps: number } };
  const task = (change: (task: Task) => void) => inLine(3, change as (event: never) => void);
  assertFound(
    task(({ cost }) => cost["trainedNumbers"] = 0),
    /^cost, line 3: found 0 trained numbers with a training/,
  );
  assertFound(task(({ cost }) => delete cost["flopPerTrainingImage"]), /found a training without its cost/);
  assertFound(task((event) => delete event.training), /found 4 trained numbers without a training/);
  assertFound(task((event) => delete event.training), /found 1 seconds of training, wanted a training/);
  assertFound(task(({ cost }) => cost["passesPerTestImage"] = 1.5), /found 1.5 passes/);
  assertFound(task(({ cost }) => cost["flopPerTestImage"] = 0), /found 0 operations for a test image/);
  assertFound(
    task(({ seconds }) => seconds["method"] = -1),
    /found -1 seconds of method, wanted none below 0/,
  );
  assertFound(task(({ training }) => training!.steps = 0), /found a training of no steps/);
  assertFound(task((event) => delete (event as Partial<Task>).cost), /found scores without the cost/);
});

Deno.test("compareAll() finds two results of a cell, and records that contradict one another", () => {
  const look = (...records: (typeof sound)[]) =>
    compareAll(records.map((record, i) => verifyText(textOf(record), `${i}.jsonl`))).map((
      { findings, notes },
    ) => [...findings.map(describeFinding), ...notes].join("\n"));
  assert.deepEqual(look(sound, sound), ["", "the same as 0.jsonl"]);
  const better = inLine(3, ({ keptBytes }: { keptBytes: { method: number } }) => keptBytes.method--);
  assert.match(
    look(sound, better)[1]!,
    /^agreement: found cell ham-.*, which 0\.jsonl has with another result/,
  );
  const naive = soundRecord({ method: "naive" });
  assert.deepEqual(look(sound, naive), ["", ""]);
  const other = inLine(2, ({ images }: { images: { test: number } }) => images.test++, naive);
  assert.match(look(sound, other)[1]!, /^.*agreement: found task 0 .*, wanted .*, as in 0\.jsonl$/s);
  const strange = inLine(
    1,
    ({ cell }: { cell: { streamHash: string } }) => cell.streamHash = sha256("x"),
    naive,
  );
  assert.match(look(sound, strange)[1]!, /agreement: found stream /);
});

const old = new URL("../../../fixtures/records/edition1/", import.meta.url);

Deno.test("verifyText() finds shares of the first edition that are parts of no number of images", async () => {
  const name = "naive-T2-s0-83c932f813b3.jsonl";
  const text = await Deno.readTextFile(new URL(name, old));
  const { findings, notes } = verifyText(text, name, { fileName: name });
  assert.deepEqual(findings, []);
  assert.match(notes.join(), /edition 1/);
  const wrong = (change: (evaluation: { taskInference: number; classIncremental: number[] }) => void) => {
    const record = JSON.parse(JSON.stringify(parseRecord(text, name))) as RunRecord1;
    change(record.tasks[1]!.evaluation as never);
    return checkShares(record).map(describeFinding).join("\n");
  };
  assert.equal(wrong(() => {}), "");
  assert.match(
    wrong(({ classIncremental }) => classIncremental[0]! += 0.001),
    /^counts, line 2: found shares of task 0 that are parts of no number of images, wanted multiples of 1\/n/,
  );
  assert.match(
    wrong(({ taskInference: _, ...rest }) => rest.classIncremental[1] = 1),
    /right among all classes and/,
  );
  assert.match(wrong((evaluation) => evaluation.taskInference = 0.123), /a share of 0.123 of \d+ images/);
});
