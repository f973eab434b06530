import assert from "node:assert/strict";
import { cellName, type RunRecord } from "../../src/protocol/mod.ts";
import { recordOf } from "../../src/protocol/records/test_records.ts";
import { compareCells } from "./compare.ts";
import { explain, type Reason } from "./reasons.ts";
import { markdownOf, reportOf, textOf } from "./report.ts";
import { compareScores } from "./scores.ts";
import { forge } from "./test_forged.ts";

const matrix = [[0.9], [0.5, 0.75]];
const run = (backend: string, parts: Partial<Parameters<typeof recordOf>[0]> = {}) =>
  recordOf({ method: "ham", backend, matrix, ...parts });
const nameOf = (record: RunRecord) => cellName(record.start.cell);
const machine = (arithmetic: string) => ({ processor: { arithmetic }, deno: "2.9.6", version: "0.1.0" });

function only(baseline: RunRecord, found: RunRecord | undefined, reasons: readonly Reason[] = []) {
  const [result, ...others] = compareCells([baseline], found ? [found] : [], reasons);
  assert.deepEqual(others.filter(({ status }) => status !== "new"), []);
  return result!;
}

Deno.test("compareCells() wants equal hashes of exact backends on every machine, and names the amount", () => {
  for (const backend of ["onnx-web", "reference"]) {
    const record = run(backend);
    assert.equal(only(record, forge(record, { environment: machine("other") })).status, "equal");
    const result = only(record, forge(record, { hits: -1, environment: machine("other") }));
    assert.equal(result.status, "changed");
    assert.ok(Math.abs(result.change! + 1 / 160) < 1e-12);
    assert.match(result.difference!, /task 1, evaluation\.classIncremental\.1: recorded 60, recomputed 59/);
    const text = textOf(reportOf({ cells: [result], scores: [], problems: [], notes: [] }));
    assert.match(
      text,
      /^FAILED ham T=2 seed 0 .*: changed without a reason on record; 99 of 160 right, was 100 \(-0\.6 points\)/,
    );
    assert.match(text, /The gate is shut/);
  }
});

Deno.test("compareCells() wants equal hashes of other backends on one kind of machine, bounds elsewhere", () => {
  const record = forge(run("onnx-node"), { environment: machine("a") });
  const at = (arithmetic: string, hits: number) =>
    only(record, forge(record, { environment: machine(arithmetic), hits })).status;
  assert.equal(at("a", 0), "equal");
  assert.equal(at("a", 1), "changed");
  assert.equal(at("b", 1), "near");
  assert.equal(at("b", 3), "near");
  assert.equal(at("b", 4), "outside");
  assert.equal(at("b", -4), "outside");
});

Deno.test("compareCells() finds cells that are missing, unfinished, replaced or new", () => {
  const record = run("onnx-web");
  assert.equal(only(record, undefined).status, "missing");
  const { end: _, ...open } = record;
  assert.match(only(record, open).difference!, /unfinished: 2 of 2 tasks/);
  const failed = run("onnx-web", { status: "failed" });
  assert.equal(only(record, failed).status, "changed");
  const other = run("onnx-web", { options: { keep: 0.5 } });
  const [first, second] = compareCells([record], [other], []);
  const [gone, fresh] = first!.status === "missing" ? [first!, second!] : [second!, first!];
  assert.deepEqual([gone.status, fresh.status, gone.successor], ["missing", "new", fresh.cell]);
  assert.match(gone.difference!, /cell\.options\.keep/);
  const dropped = { cell: nameOf(record), old: record.end!.hash, new: null, why: "Keeps half" };
  assert.deepEqual(compareCells([record], [other], [dropped]).map(({ status }) => status).sort(), [
    "accepted",
    "new",
  ]);
});

Deno.test("compareCells() accepts a change whose reasons lead from the old hash to the new", () => {
  const record = run("onnx-web");
  const [once, twice] = [forge(record, { hits: 1 }), forge(record, { hits: 2 })];
  const reason = (from: RunRecord, to: RunRecord, why: string): Reason => ({
    cell: nameOf(record),
    old: from.end!.hash,
    new: to.end!.hash,
    why,
    commit: "0123abc",
  });
  const reasons = [reason(once, twice, "Second"), reason(record, once, "First")];
  const result = only(record, twice, reasons);
  assert.equal(result.status, "accepted");
  assert.deepEqual(result.reasons!.map(({ why }) => why), ["First", "Second"]);
  // A reason counts for its cell and its direction, and not by halves.
  assert.equal(only(record, twice, [reasons[0]!]).status, "changed");
  assert.equal(only(twice, record, reasons).status, "changed");
  assert.equal(only(record, twice, reasons.map((one) => ({ ...one, cell: "other" }))).status, "changed");
});

Deno.test("explain() ends where reasons go round in a circle", () => {
  const [a, b, c] = ["a", "b", "c"];
  const circle = [{ cell: "x", old: a, new: b, why: "" }, { cell: "x", old: b, new: a, why: "" }];
  assert.equal(explain(circle, "x", a, c), undefined);
  assert.equal(explain(circle, "x", a, b)?.length, 1);
});

Deno.test("compareScores() finds a method whose seeds all moved one way, each within its bounds", () => {
  const seeds = [0, 1, 2];
  const images = [400, 400];
  const record = (seed: number) =>
    forge(run("onnx-node", { seed, images, matrix: [[0.9], [0.5, 0.5 + seed / 100]] }), {
      environment: machine("a"),
    });
  const moved = (hits: number) =>
    seeds.map((seed) => forge(record(seed), { environment: machine("b"), hits }));
  const gate = (found: readonly RunRecord[]) => {
    const baseline = seeds.map(record);
    const cells = compareCells(baseline, found, []);
    assert.ok(cells.every(({ status }) => status === "near"));
    return compareScores(baseline, found, cells);
  };
  const [shifted] = gate(moved(-15));
  assert.equal(shifted!.ok, false);
  assert.equal(shifted!.n, 3);
  assert.ok(Math.abs(shifted!.found - shifted!.baseline + 15 / 800) < 1e-12);
  const [still] = gate(moved(1));
  assert.equal(still!.ok, true);
  const report = reportOf({ cells: [], scores: [shifted!], problems: [], notes: [] });
  assert.equal(report.ok, false);
  assert.match(
    textOf(report),
    /FAILED ham T=2 \(onnx-node\): mean of 3 seeds 48\.6 %, -1\.9 points, outside the baseline's interval/,
  );
});

Deno.test("markdownOf() shows text from records inert", () => {
  const record = run("onnx-web");
  const result = {
    ...only(record, forge(record, { hits: 1 })),
    label: "<script>|[x](javascript:1) @all\u202e",
  };
  const text = markdownOf(reportOf({ cells: [result], scores: [], problems: ["`a` | <b>"], notes: [] }));
  assert.doesNotMatch(text, /<script|\]\(|@all|\u202e|<b>/);
  assert.match(text, /the gate is shut/);
  // One row of six columns beside head and rule.
  assert.equal(text.split("\n").filter((line) => line.startsWith("|")).length, 3);
});
