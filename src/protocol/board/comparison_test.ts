import assert from "node:assert/strict";
import { growthTable } from "./growth.ts";
import { compare, type Gap } from "./comparison.ts";
import { bootstrapInterval, summarise } from "./statistics.ts";
import { parseRecord } from "../records/parse.ts";
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
  for (const accuracy of [cell!.pooled, cell!.taskMean]) {
    close(accuracy!.mean, 0.5);
    close(accuracy!.deviation, Math.sqrt(0.02));
    assert.equal(accuracy!.n, 2);
  }
  close(cell!.forgetting!.mean, 0.2);
  for (const average of [cell!.averagePooled, cell!.averageTaskMean]) {
    close(average!.mean, (0.6 + 0.4 + 0.8 + 0.6) / 4);
  }
  close(cell!.taskIncrementalPooled!.mean, 0.75);
  close(cell!.taskIncrementalTaskMean!.mean, 0.75);
  close(cell!.taskInference!.mean, 0.5);
  close(cell!.backwardTransfer!.mean, -0.2);
  close(cell!.plasticity!.mean, (0.6 + 0.4 + 0.8 + 0.6) / 4);
  assert.deepEqual(cell!.seconds, { mean: 14, deviation: 0, n: 2 });
  assert.equal(cell!.keptBytes!.mean, 200);
  assert.equal(cell!.classifierBytes!.mean, 64);
  assert.equal(cell!.flopPerTestImage, undefined);
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
    { method, tasks, failed, missing, pooled },
  ) => [method, tasks, failed.join(), missing.join(), pooled?.n ?? 0]);
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
  assert.deepEqual(section!.cells.map(({ pooled }) => pooled!.n), [1, 1, 2, 2]);
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

Deno.test("compare() takes no method with a buffer for a rival, and tables say what it has", () => {
  const [section] = compare([run("ham", 0, 0.5), run("er", 0, 0.9), run("naive", 0, 0.4)]);
  assert.equal(section!.gaps[0]!.rival, "naive");
  assert.deepEqual(growthTable(section!).map(([name]) => name).slice(1, 4), ["ham", "er (buffer)", "naive"]);
});

Deno.test("compare() has no forgetting for the joint bound", () => {
  const [section] = compare([run("joint", 0, 0.9, { matrix: [undefined, [0.9, 0.8]] })]);
  const [cell] = section!.cells;
  close(cell!.pooled!.mean, 0.85);
  close(cell!.taskMean!.mean, 0.85);
  assert.equal(cell!.forgetting, undefined);
  assert.equal(cell!.averagePooled, undefined);
  assert.equal(cell!.averageTaskMean, undefined);
});

Deno.test("compare() of no records has no sections", () => {
  assert.deepEqual(compare([]), []);
});

Deno.test("compare() tells pooled accuracy from the mean over tasks, and compares by the pooled one", () => {
  const images = [10, 90];
  const [section] = compare([
    recordOf({ method: "ham", images, matrix: [[1], [0.1, 0.9]] }),
    recordOf({ method: "naive", images, matrix: [[1], [1, 0.5]] }),
  ]);
  const [ham, naive] = section!.cells;
  close(ham!.pooled!.mean, 0.82);
  close(ham!.taskMean!.mean, 0.5);
  close(naive!.pooled!.mean, 0.55);
  close(naive!.taskMean!.mean, 0.75);
  close(section!.gaps[0]!.difference.mean, 0.27);
});

Deno.test("compare() gives costs of the last task, and the most numbers trained", () => {
  const cost = {
    flopPerTrainingImage: 300,
    flopPerTestImage: 200,
    passesPerTestImage: 2,
    deployedBytes: 50,
    trainedNumbers: 7,
  };
  const [section] = compare([run("naive", 0, 0.4, { cost })]);
  const [cell] = section!.cells;
  for (const key of Object.keys(cost) as (keyof typeof cost)[]) {
    assert.equal(cell![key]!.mean, cost[key], key);
  }
});

Deno.test("compare() keeps streams of other cuts, orders and evaluations apart", () => {
  const parts = [
    {},
    { firstTask: 4 },
    { taskSizes: [4, 4] },
    { classOrder: "numpy" },
    { evaluate: "last" as const },
    { evaluate: 2 },
  ];
  assert.equal(compare(parts.map((cell) => run("naive", 0, 0.4, { cell }))).length, parts.length);
});

Deno.test("compare() shows records of the first edition apart, with means over tasks", async () => {
  const folder = new URL("../../../fixtures/records/edition1/", import.meta.url);
  const old = [];
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    old.push(parseRecord(await Deno.readTextFile(new URL(name, folder)), name));
  }
  const sections = compare([...old, run("ham", 0, 0.4)]);
  assert.deepEqual(sections.map(({ cell, records }) => [cell.edition, records]), [[1, 3], [2, 1]]);
  const [ham, joint] = sections[0]!.cells;
  assert.equal(ham!.pooled, undefined);
  close(ham!.taskMean!.mean, (0.7083333333333334 + 0.6666666666666666) / 2);
  assert.ok(joint!.taskMean && !joint!.forgetting);
  assert.equal(sections[0]!.gaps.length, 1);
});
