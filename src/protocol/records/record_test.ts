import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hashJson } from "../../core/json.ts";
import { parseCurrent, parseRecord, UnknownEditionError } from "./parse.ts";
import { type Cell, cellKey, cellName, isEvaluated, type RunRecord, type TaskFacts } from "./record.ts";
import { seal, unsealed } from "./seal.ts";
import { cellWith, recordOf, textOf } from "./test_records.ts";

const matrix = [[0.9], [0.5, 0.6]];
const done = recordOf({ method: "ham", options: { keep: 0.5 }, matrix });
const failed = recordOf({ method: "ewc", matrix: [[0.9]], tasks: 2, status: "failed" });
const open = recordOf({ method: "ewc", matrix: [[0.9]], tasks: 2, status: "open" });
const joint = recordOf({ method: "joint", matrix: [undefined, [0.5, 0.6]] });

/** The record's text with one line changed. */
function withLine(
  record: RunRecord,
  line: number,
  change: (event: Record<string, unknown>) => unknown,
): string {
  return textOf(record).trimEnd().split("\n").map((text, i) =>
    i === line ? JSON.stringify(change(JSON.parse(text))) : text
  ).join("\n") + "\n";
}

function assertRefused(text: string, message: RegExp): void {
  assert.throws(() => parseRecord(text, "x.jsonl"), (error) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, /^Cannot read record x\.jsonl, line \d+: /);
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return true;
  });
}

Deno.test("parseRecord() reads back what was written", () => {
  for (const record of [done, failed, open, joint]) {
    assert.deepEqual(parseRecord(textOf(record), "x"), record);
  }
});

Deno.test("parseRecord() drops a last line that is cut off, wherever the cut is", () => {
  const text = textOf(done);
  const lines = text.split("\n");
  const endLength = lines.at(-2)!.length + 1;
  const unfinished = { start: done.start, tasks: done.tasks };
  for (const missing of [1, 2, Math.floor(endLength / 2), endLength]) {
    assert.deepEqual(parseRecord(text.slice(0, -missing), "x"), unfinished);
  }
  const secondTask = text.length - endLength - 5;
  assert.deepEqual(parseRecord(text.slice(0, secondTask), "x").tasks.length, 1);
});

Deno.test("parseRecord() refuses damaged lines", () => {
  assertRefused("", /line 1: found no start event$/);
  assertRefused("{\n", /line 1: found no JSON$/);
  assertRefused(textOf(done).replace("\n", "\n\n"), /line 2: found no JSON$/);
  assertRefused("null\n", /line 1: /);
  assertRefused('{"event":"pause"}\n', /line 1: event/);
});

Deno.test("parseRecord() refuses events out of order", () => {
  const [start, first, second, end] = textOf(done).trimEnd().split("\n");
  const text = (...lines: (string | undefined)[]) => `${lines.join("\n")}\n`;
  assertRefused(text(first, second, end), /line 1: found no start event$/);
  assertRefused(text(start, second, end), /line 2: found task 1, wanted 0$/);
  assertRefused(text(start, first, first, end), /line 3: found task 0, wanted 1$/);
  assertRefused(text(start, start, first), /line 2: found a second start$/);
  assertRefused(text(start, first, second, end, end), /line 5: found a line after the end$/);
  assertRefused(text(start, first, end), /line 3: found 1 tasks, wanted 2$/);
});

Deno.test("parseRecord() refuses unknown keys and wrong kinds", () => {
  assertRefused(withLine(done, 1, (event) => ({ ...event, note: 1 })), /line 2: .*"note"/);
  assertRefused(
    withLine(done, 0, (event) => ({ ...event, cell: { ...done.start.cell, extra: 1 } })),
    /"extra"/,
  );
  const cell = done.start.cell;
  const settings = { ...cell.settings, momentum: 1 };
  assertRefused(withLine(done, 0, (event) => ({ ...event, cell: { ...cell, settings } })), /"momentum"/);
  assertRefused(withLine(done, 3, (event) => ({ ...event, status: "good" })), /status/);
  assertRefused(withLine(done, 3, (event) => ({ ...event, hash: "abc" })), /hash/);
});

Deno.test("parseRecord() refuses counts that do not add up", () => {
  const scored = (change: object) =>
    withLine(done, 2, (event) => ({ ...event, evaluation: { ...event["evaluation"] as object, ...change } }));
  assertRefused(scored({ classIncremental: [5] }), /line 3: found 1 counts in classIncremental, wanted 2$/);
  assertRefused(
    scored({ taskIncremental: [5, 1, 1] }),
    /line 3: found 3 counts in taskIncremental, wanted 2$/,
  );
  assertRefused(scored({ taskInference: [] }), /line 3: found 0 counts in taskInference, wanted 2$/);
  assertRefused(
    scored({ classIncremental: [5, 81] }),
    /line 3: found 81 right answers of 80 in classIncremental of task 1$/,
  );
  assertRefused(scored({ classIncremental: [5, 1.5] }), /classIncremental/);
  assertRefused(
    withLine(done, 2, ({ evaluation: _, ...event }) => event),
    /line 4: found no scores at the end$/,
  );
  assertRefused(
    withLine(failed, 2, ({ failure: _, ...event }) => event),
    /found status failed without a failure$/,
  );
});

Deno.test("parseRecord() finds the line that was changed, whatever was changed in it", () => {
  const change = (from: string, to: string) => {
    const text = textOf(done);
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  };
  const hash = (line: number) => new RegExp(`line ${line}: the hash does not fit this line and those above$`);
  const chain = (line: number) =>
    new RegExp(`line ${line}: the chain does not fit this line and those above$`);
  assertRefused(change('"keep":0.5', '"keep":0.6'), hash(1));
  assertRefused(change('"classIncremental":[40,', '"classIncremental":[41,'), hash(3));
  assertRefused(change('"status":"done"', '"details":{},"status":"done"'), chain(4));
  // Seconds and the machine need not repeat, yet are not to be changed.
  assertRefused(change('"evaluate":4', '"evaluate":3'), chain(2));
  assertRefused(change('"device":"test"', '"device":"toast"'), chain(1));
  // A line of another run of the cell, whose hash is right, does not belong here.
  const slower =
    (({ hash: _, chain: __, ...facts }) =>
      seal({ ...facts, seconds: { train: 9, method: 9, evaluate: 9 } }, done.start))(done.tasks[0]!);
  assert.equal(slower.hash, done.tasks[0]!.hash);
  const lines = textOf(done).split("\n");
  assertRefused([lines[0], JSON.stringify(slower), ...lines.slice(2)].join("\n"), chain(3));
});

Deno.test("seal() has a hash of what must repeat and a chain of everything", () => {
  const again = (change: (facts: TaskFacts) => TaskFacts) =>
    seal(change(unsealed(done.tasks[0]!) as TaskFacts), done.start);
  const [task] = done.tasks;
  const same = again((facts) => facts);
  assert.deepEqual(same, task);
  const slower = again((facts) => ({ ...facts, seconds: { train: 9, method: 9, evaluate: 9 } }));
  assert.deepEqual([slower.hash === task!.hash, slower.chain === task!.chain], [true, false]);
  const larger = again((facts) => ({ ...facts, keptBytes: { method: 1, classifier: 64 } }));
  assert.deepEqual([larger.hash === task!.hash, larger.chain === task!.chain], [false, false]);
  const [start, elsewhere] = ["here", "there"].map((device) =>
    seal({
      event: "start",
      cell: done.start.cell,
      environment: { device },
      source: { data: { spec: device } },
    })
  );
  assert.deepEqual([start!.hash === elsewhere!.hash, start!.chain === elsewhere!.chain], [true, false]);
  const ends = [{}, { failure: { message: "x", task: 2, step: 0 } }].map((parts) =>
    seal({ event: "end", status: "done", details: {}, ...parts }, task)
  );
  assert.notEqual(ends[0]!.hash, ends[1]!.hash);
});

Deno.test("parseRecord() reads source and cost back, and parts of the cell that are set", () => {
  const cost = {
    flopPerTrainingImage: 300,
    flopPerTestImage: 200.5,
    passesPerTestImage: 2,
    deployedBytes: 50,
    trainedNumbers: 7,
  };
  const cell: Partial<Cell> = { firstTask: 4, classesPerTask: 2, classOrder: "numpy", evaluate: 2 };
  const settings = { loss: "seen", firstEpochs: 9, firstRate: 0.5 } as const;
  const record = recordOf({ method: "ham", matrix, cost, cell, settings });
  assert.deepEqual(parseRecord(textOf(record), "x"), record);
  const source = {
    data: { spec: "folder:x,size=32", limitPerClass: { train: 5, test: 5 } },
    backbone: { path: "nano", facts: { heads: 4 } },
  };
  const start = seal({ event: "start" as const, cell: record.start.cell, environment: {}, source });
  assert.deepEqual(parseRecord(textOf({ start, tasks: [] }), "x"), { start, tasks: [] });
});

const old = new URL("../../../fixtures/records/edition1/", import.meta.url);

Deno.test("parseRecord() reads the first edition, and finds what was changed in it", async () => {
  for (const { name } of Deno.readDirSync(old)) {
    const text = await Deno.readTextFile(new URL(name, old));
    const record = parseRecord(text, name);
    assert.equal(record.start.cell.edition, 1);
    assert.equal(record.end!.status, "done");
    assert.equal(record.tasks.length, 2);
    assert.equal(name, `${cellName(record.start.cell)}.jsonl`);
    assertRefused(
      text.replace('"head":3072', '"head":3073'),
      /line 4: the hash does not fit the lines above$/,
    );
    assertRefused(text.replace('"head":3072', '"classifier":3072'), /line 2: .*keptBytes/);
    assert.throws(() => parseCurrent(text, name), UnknownEditionError);
  }
});

Deno.test("parseRecord() refuses editions it does not know by their number", () => {
  for (const edition of [0, 3, 17]) {
    const text = textOf(done).replace('"edition":2', `"edition":${edition}`);
    assert.throws(() => parseRecord(text, "x.jsonl"), (error) => {
      assert.ok(error instanceof UnknownEditionError && error instanceof InputError);
      assert.equal(error.message, `Cannot read record x.jsonl: found edition ${edition}, wanted 1 or 2`);
      return true;
    });
  }
  assertRefused(textOf(done).replace('"edition":2', '"edition":"2"'), /line 1: cell\.edition/);
});

Deno.test("cellName(), cellKey() and seal() are pinned (hashes computed in Python)", () => {
  const { cell } = done.start;
  assert.equal(cellKey(cell), hashJson(cell).slice(0, 12));
  assert.equal(cellName(cell), `ham-T2-s0-${cellKey(cell)}`);
  assert.equal(cellKey(cell), "981660bb9d80");
  assert.equal(done.end!.hash, "8d6f61fa0a4c2edd387ee2b0b5c41b356f85b07914f9cea5585c79141193273b");
  assert.equal(done.end!.chain, "8431fd2eb816b5be27f7904a264dc3aa4ba57b1e9a54c51751a7a2a5f97a2fa1");
});

Deno.test("isEvaluated() is true after all, the last, or every so many and the last", () => {
  const after = (when: "all" | "last" | number | undefined) =>
    [0, 1, 2, 3, 4, 5, 6].filter((index) => isEvaluated(when, index, 7));
  assert.deepEqual(after(undefined), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(after("all"), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(after("last"), [6]);
  assert.deepEqual(after(3), [2, 5, 6]);
  assert.deepEqual(after(7), [6]);
});

Deno.test("cellName() is a file name, whatever the method is called", () => {
  assert.match(cellName(cellWith({ method: "../my method", matrix })), /^___my_method-T2-s0-[0-9a-f]{12}$/);
});

Deno.test("cellKey() differs with every part of a cell and not with the order of keys", () => {
  const { cell } = done.start;
  const parts = {
    method: "ewc",
    options: { keep: 0.4 },
    backend: "webgpu",
    tasks: 3,
    orderSeed: 1,
    trainSeed: 1,
  };
  const keys = Object.entries(parts).map(([key, value]) => cellKey({ ...cell, [key]: value }));
  assert.equal(new Set([cellKey(cell), ...keys]).size, 7);
  const reversed = Object.fromEntries(Object.entries(cell).reverse()) as unknown as typeof cell;
  assert.equal(cellKey(reversed), cellKey(cell));
});
