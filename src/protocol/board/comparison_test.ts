import assert from "node:assert/strict";
import { bootstrapInterval, compare, type Gap, summarise } from "./comparison.ts";
import { recordOf, type RecordParts } from "../records/test_records.ts";

/** A two-task record whose final accuracy is `final` and whose forgetting is 0.2. */
function run(method: string, seed: number, final: number, parts: Partial<RecordParts> = {}) {
  return recordOf({ method, seed, matrix: [[final + 0.2], [final, final]], ...parts });
}

function close(found: number | undefined, wanted: number): void {
  assert.ok(found !== undefined && Math.abs(found - wanted) < 1e-12, `${found}, wanted ${wanted}`);
}

Deno.test("summarise() has no deviation for one value and nothing for none", () => {
  assert.equal(summarise([]), undefined);
  assert.deepEqual(summarise([0.5]), { mean: 0.5, deviation: undefined, n: 1 });
  assert.deepEqual(summarise([1, 3]), { mean: 2, deviation: Math.SQRT2, n: 2 });
});

Deno.test("bootstrapInterval() is seeded, holds the mean and shrinks with agreement", () => {
  assert.equal(bootstrapInterval([1, 2]), undefined);
  assert.deepEqual(bootstrapInterval([0.1, 0.1, 0.1]), [0.1, 0.1].map((value) => (3 * value) / 3));
  const [low, high] = bootstrapInterval([0, 1, 2, 3])!;
  assert.ok(low < 1 && high > 2 && low >= 0 && high <= 3);
  assert.deepEqual(bootstrapInterval([0, 1, 2, 3]), [low, high]);
});

Deno.test("compare() puts a method's seeds in one cell: mean, deviation, cost", () => {
  const [section, ...others] = compare([run("naive", 0, 0.4), run("naive", 1, 0.6)]);
  assert.deepEqual(others, []);
  const [cell] = section!.cells;
  close(cell!.accuracy!.mean, 0.5);
  close(cell!.accuracy!.deviation, Math.sqrt(0.02));
  assert.equal(cell!.accuracy!.n, 2);
  close(cell!.forgetting!.mean, 0.2);
  close(cell!.averageIncremental!.mean, (0.6 + 0.4 + 0.8 + 0.6) / 4);
  close(cell!.taskIncremental!.mean, 0.75);
  assert.deepEqual(cell!.seconds, { mean: 14, deviation: 0, n: 2 });
  assert.equal(cell!.keptBytes!.mean, 200);
  assert.deepEqual([...cell!.accuracyBySeed.keys()], ["0", "1"]);
  assert.deepEqual(section!.gaps, []);
});

Deno.test("compare() splits by settings and backend, and keeps the order of the records", () => {
  const sections = compare([
    run("naive", 0, 0.4, { backend: "onnx-node" }),
    run("naive", 0, 0.5),
    run("naive", 0, 0.6, { settings: { rank: 4 } }),
    run("ham", 0, 0.7),
  ]);
  assert.deepEqual(
    sections.map(({ cell, methods, records }) => [cell.backend, cell.settings.rank, methods, records]),
    [
      ["onnx-node", 8, ["naive"], 1],
      ["reference", 8, ["naive", "ham"], 2],
      ["reference", 4, ["naive"], 1],
    ],
  );
});

Deno.test("compare() keeps streams that grow in classes apart from those that deal all classes out", () => {
  const sections = compare([run("naive", 0, 0.4), run("naive", 0, 0.5, { classesPerTask: 2 })]);
  assert.deepEqual(sections.map(({ cell }) => cell.classesPerTask), [undefined, 2]);
});

Deno.test("compare() shows failed and missing seeds of every method and T", () => {
  const long = [[0.5], [0.5, 0.5], [0.5, 0.5, 0.5]];
  const [section] = compare([
    run("naive", 10, 0.4),
    run("naive", 2, 0.4),
    run("ham", 2, 0.5),
    run("ewc", 2, 0.4, { status: "failed", matrix: [[0.4]], tasks: 2 }),
    run("ewc", 10, 0.4, { status: "open", matrix: [[0.4]], tasks: 2 }),
    recordOf({ method: "naive", matrix: long }),
  ]);
  assert.deepEqual(section!.tasks, [2, 3]);
  const gaps = section!.cells.map((
    { method, tasks, failed, missing, accuracy },
  ) => [method, tasks, failed.join(), missing.join(), accuracy?.n ?? 0]);
  assert.deepEqual(gaps, [
    ["naive", 2, "", "", 2],
    ["ham", 2, "", "10", 1],
    ["ewc", 2, "2", "10", 0],
    ["naive", 3, "", "", 1],
    ["ham", 3, "", "0", 0],
    ["ewc", 3, "", "0", 0],
  ]);
});

Deno.test("compare() lists seeds by number and names both where they differ", () => {
  const [section] = compare([
    run("naive", 10, 0.4),
    run("naive", 9, 0.4),
    run("naive", 9, 0.4, { trainSeed: 3 }),
    recordOf({ method: "ham", seed: 1, matrix: [[0.5], [0.5, 0.5]] }),
  ]);
  assert.deepEqual(section!.cells[1]!.missing, ["9/3", "9", "10"]);
});

Deno.test("compare() tells variants of a method apart by the options in which they differ", () => {
  const options = { keep: 0.5, start: "shared", groupRank: 16 };
  const [section] = compare([
    run("ham", 0, 0.5, { options }),
    run("ham", 0, 0.6, { options: { ...options, keep: 0.2 } }),
    run("ham", 0, 0.7, { options: { ...options, groupRank: null } }),
    run("ham", 1, 0.7, { options: { ...options, groupRank: null } }),
    run("naive", 0, 0.1, { options: { own: 1 } }),
    run("naive", 1, 0.2, { options: { own: 1 } }),
  ]);
  assert.deepEqual(section!.methods, [
    "ham(groupRank=16, keep=0.5)",
    "ham(groupRank=16, keep=0.2)",
    "ham(groupRank=null, keep=0.5)",
    "naive",
  ]);
  assert.deepEqual(section!.cells.map(({ accuracy }) => accuracy!.n), [1, 1, 2, 2]);
  // Every variant has its own gap, and variants are no rivals of one another.
  assert.deepEqual(section!.gaps.map(({ method, rival, difference: { n } }) => [method, rival, n]), [
    ["ham(groupRank=16, keep=0.5)", "naive", 1],
    ["ham(groupRank=16, keep=0.2)", "naive", 1],
    ["ham(groupRank=null, keep=0.5)", "naive", 2],
  ]);
});

Deno.test("compare() pairs HAM by seed with the rival that leaves the smallest difference", () => {
  const [section] = compare([
    ...[0, 1, 2].map((seed) => run("ham", seed, [0.5, 0.6, 0.7][seed]!)),
    ...[0, 1, 2].map((seed) => run("ewc", seed, [0.4, 0.5, 0.6][seed]!)),
    ...[0, 1, 2].map((seed) => run("naive", seed, [0.3, 0.3, 0.3][seed]!)),
    ...[0, 1, 2].map((seed) => run("joint", seed, 0.9, { matrix: [undefined, [0.9, 0.9]] })),
  ]);
  assert.equal(section!.gaps.length, 1);
  const [{ method, rival, tasks, difference, interval }] = section!.gaps as [Gap];
  assert.deepEqual([method, rival, tasks, difference.n], ["ham", "ewc", 2, 3]);
  close(difference.mean, 0.1);
  assert.ok(difference.deviation! < 1e-12);
  close(interval![0], 0.1);
  close(interval![1], 0.1);
});

Deno.test("compare() pairs only seeds that both have, and gives no gap where they share none", () => {
  const shared = compare([run("ham", 0, 0.5), run("ham", 1, 0.9), run("naive", 0, 0.4)]);
  close(shared[0]!.gaps[0]!.difference.mean, 0.1);
  assert.equal(shared[0]!.gaps[0]!.difference.n, 1);
  assert.equal(shared[0]!.gaps[0]!.interval, undefined);
  assert.deepEqual(compare([run("ham", 0, 0.5), run("naive", 1, 0.4)])[0]!.gaps, []);
});

Deno.test("compare() has no forgetting for the joint bound", () => {
  const [section] = compare([run("joint", 0, 0.9, { matrix: [undefined, [0.9, 0.8]] })]);
  const [cell] = section!.cells;
  close(cell!.accuracy!.mean, 0.85);
  assert.equal(cell!.forgetting, undefined);
  assert.equal(cell!.averageIncremental, undefined);
});

Deno.test("compare() of no records has no sections", () => {
  assert.deepEqual(compare([]), []);
});
