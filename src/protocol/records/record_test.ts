import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hashJson } from "../../core/json.ts";
import { accuracyMatrix, cellKey, cellName, parseRecord, recordHash, type RunRecord } from "./record.ts";
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

Deno.test("parseRecord() refuses unknown keys, wrong kinds and other editions", () => {
  assertRefused(withLine(done, 1, (event) => ({ ...event, note: 1 })), /line 2: .*"note"/);
  assertRefused(
    withLine(done, 0, (event) => ({ ...event, cell: { ...done.start.cell, extra: 1 } })),
    /"extra"/,
  );
  const cell = done.start.cell;
  assertRefused(withLine(done, 0, (event) => ({ ...event, cell: { ...cell, edition: 2 } })), /cell\.edition/);
  const settings = { ...cell.settings, momentum: 1 };
  assertRefused(withLine(done, 0, (event) => ({ ...event, cell: { ...cell, settings } })), /"momentum"/);
  assertRefused(withLine(done, 3, (event) => ({ ...event, status: "good" })), /status/);
  assertRefused(withLine(done, 3, (event) => ({ ...event, hash: "abc" })), /hash/);
});

Deno.test("parseRecord() refuses scores that do not add up", () => {
  const scored = (change: object) =>
    withLine(done, 2, (event) => ({ ...event, evaluation: { ...event["evaluation"] as object, ...change } }));
  assertRefused(scored({ classIncremental: [0.5] }), /line 3: found 1 scores in classIncremental, wanted 2$/);
  assertRefused(
    scored({ taskIncremental: [0.5, 1, 1] }),
    /line 3: found 3 scores in taskIncremental, wanted 2$/,
  );
  assertRefused(scored({ classIncremental: [0.5, 1.5] }), /classIncremental/);
  assertRefused(
    withLine(done, 2, ({ evaluation: _, ...event }) => event),
    /line 4: found no scores at the end$/,
  );
  assertRefused(
    withLine(failed, 2, ({ failure: _, ...event }) => event),
    /found status failed without a failure$/,
  );
});

Deno.test("parseRecord() refuses what was changed after the end", () => {
  const accuracy = textOf(done).replace('"classIncremental":[0.5,', '"classIncremental":[0.6,');
  assertRefused(accuracy, /line 4: the hash does not fit the lines above$/);
  assertRefused(textOf(done).replace('"keep":0.5', '"keep":0.6'), /the hash does not fit/);
});

Deno.test("recordHash() covers everything but seconds and machine", () => {
  const hash = (record: RunRecord, failure = record.end?.failure) => recordHash(record, failure);
  const slower = done.tasks.map((task) => ({ ...task, seconds: { train: 9, method: 9, evaluate: 9 } }));
  assert.equal(hash({ ...done, tasks: slower }), hash(done));
  assert.equal(hash({ ...done, start: { ...done.start, environment: { device: "another" } } }), hash(done));
  assert.notEqual(hash({ ...done, tasks: done.tasks.slice(0, 1) }), hash(done));
  const kept = done.tasks.map((task) => ({ ...task, keptBytes: { method: 1, head: 64 } }));
  assert.notEqual(hash({ ...done, tasks: kept }), hash(done));
  assert.notEqual(hash(done, { message: "x", task: 2, step: 0 }), hash(done));
});

Deno.test("cellName(), cellKey() and recordHash() are pinned (hashes computed in Python)", () => {
  const { cell } = done.start;
  assert.equal(cellKey(cell), hashJson(cell).slice(0, 12));
  assert.equal(cellName(cell), `ham-T2-s0-${cellKey(cell)}`);
  assert.equal(cellKey(cell), "f0fe7d40ed8d");
  assert.equal(done.end!.hash, "bb1ef36d3ca2f269441ca7302b91b80bcc7e2100f26410d30092b3890fc175ec");
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

Deno.test("accuracyMatrix() has a row per task, undefined where nothing was scored", () => {
  assert.deepEqual(accuracyMatrix(done), matrix);
  assert.deepEqual(accuracyMatrix(done, "taskIncremental"), [[0.95], [0.75, 0.8]]);
  assert.deepEqual(accuracyMatrix(joint), [undefined, [0.5, 0.6]]);
});
