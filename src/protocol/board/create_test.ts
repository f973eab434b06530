import assert from "node:assert/strict";
import { parseRecord } from "../records/parse.ts";
import { recordOf, type RecordParts } from "../records/test_records.ts";
import type { BoardSection, Lead } from "./board.ts";
import { shownName } from "./classes.ts";
import { sectionsOf } from "./test_board.ts";

/** A two-task record whose final accuracy is `final` and whose forgetting is 0.2. */
function run(method: string, seed: number, final: number, parts: Partial<RecordParts> = {}) {
  return recordOf({ method, seed, matrix: [[final + 0.2], [final, final]], ...parts });
}

function close(found: number | undefined, wanted: number): void {
  assert.ok(found !== undefined && Math.abs(found - wanted) < 1e-12, `${found}, wanted ${wanted}`);
}

Deno.test("createBoard() puts a method's seeds in one cell: mean, deviation, cost", () => {
  const [section, ...others] = sectionsOf([run("naive", 0, 0.4), run("naive", 1, 0.6)]);
  assert.deepEqual(others, []);
  const [entry] = section!.entries;
  const figures = entry!.figures;
  for (const accuracy of [figures.pooled, figures.taskMean]) {
    close(accuracy!.mean, 0.5);
    close(accuracy!.deviation, Math.sqrt(0.02));
    assert.equal(accuracy!.n, 2);
  }
  close(figures.forgetting!.mean, 0.2);
  for (const average of [figures.averagePooled, figures.averageTaskMean]) {
    close(average!.mean, (0.6 + 0.4 + 0.8 + 0.6) / 4);
  }
  close(figures.taskIncrementalPooled!.mean, 0.75);
  close(figures.taskIncrementalTaskMean!.mean, 0.75);
  close(figures.taskInference!.mean, 0.5);
  close(figures.backwardTransfer!.mean, -0.2);
  close(figures.plasticity!.mean, (0.6 + 0.4 + 0.8 + 0.6) / 4);
  assert.deepEqual(figures.seconds, { mean: 14, deviation: 0, n: 2 });
  assert.equal(figures.keptBytes!.mean, 200);
  assert.equal(figures.classifierBytes!.mean, 64);
  assert.equal(figures.flopPerTestImage, undefined);
  assert.deepEqual(entry!.runs, section!.runs.map(({ name }) => name));
  assert.deepEqual(section!.runs.map(({ seed, figures }) => [seed, figures.pooled]), [["0", 0.4], [
    "1",
    0.6,
  ]]);
  assert.deepEqual(section!.comparisons, []);
});

Deno.test("createBoard() splits by settings and backend, and keeps the order of the records", () => {
  const sections = sectionsOf([
    run("naive", 0, 0.4, { backend: "onnx-node" }),
    run("naive", 0, 0.5),
    run("naive", 0, 0.6, { settings: { rank: 4 } }),
    run("ham", 0, 0.7),
  ]);
  assert.deepEqual(
    sections.map(({ fixed, methods, runs }) => [
      fixed.backend,
      fixed.settings.rank,
      methods.map(({ label }) => label),
      runs.length,
    ]),
    [
      ["onnx-node", 8, ["naive"], 1],
      ["reference", 8, ["naive", "ham"], 2],
      ["reference", 4, ["naive"], 1],
    ],
  );
});

Deno.test("createBoard() keeps streams that grow in classes apart from those that deal all classes out", () => {
  const sections = sectionsOf([run("naive", 0, 0.4), run("naive", 0, 0.5, { classesPerTask: 2 })]);
  assert.deepEqual(sections.map(({ fixed }) => fixed.classesPerTask), [undefined, 2]);
});

Deno.test("createBoard() shows failed and missing seeds of every method and T", () => {
  const long = [[0.5], [0.5, 0.5], [0.5, 0.5, 0.5]];
  const [section] = sectionsOf([
    run("naive", 10, 0.4),
    run("naive", 2, 0.4),
    run("ham", 2, 0.5),
    run("ewc", 2, 0.4, { status: "failed", matrix: [[0.4]], tasks: 2 }),
    run("ewc", 10, 0.4, { status: "open", matrix: [[0.4]], tasks: 2 }),
    recordOf({ method: "naive", matrix: long }),
  ]);
  assert.deepEqual(section!.tasks, [2, 3]);
  const gaps = section!.entries.map((
    { method, tasks, failed, missing, figures },
  ) => [method, tasks, failed.join(), missing.join(), figures.pooled?.n ?? 0]);
  assert.deepEqual(gaps, [
    ["naive", 2, "", "", 2],
    ["ham", 2, "", "10", 1],
    ["ewc", 2, "2", "10", 0],
    ["naive", 3, "", "", 1],
    ["ham", 3, "", "0", 0],
    ["ewc", 3, "", "0", 0],
  ]);
});

Deno.test("createBoard() lists seeds by number and names both where they differ", () => {
  const [section] = sectionsOf([
    run("naive", 10, 0.4),
    run("naive", 9, 0.4),
    run("naive", 9, 0.4, { trainSeed: 3 }),
    recordOf({ method: "ham", seed: 1, matrix: [[0.5], [0.5, 0.5]] }),
  ]);
  assert.deepEqual(section!.entries[1]!.missing, ["9/3", "9", "10"]);
});

Deno.test("createBoard() tells variants of a method apart by the options in which they differ", () => {
  const options = { keep: 0.5, start: "shared", groupRank: 16 };
  const [section] = sectionsOf([
    run("ham", 0, 0.5, { options }),
    run("ham", 0, 0.6, { options: { ...options, keep: 0.2 } }),
    run("ham", 0, 0.7, { options: { ...options, groupRank: null } }),
    run("ham", 1, 0.7, { options: { ...options, groupRank: null } }),
    run("naive", 0, 0.1, { options: { own: 1 } }),
    run("naive", 1, 0.2, { options: { own: 1 } }),
  ]);
  assert.deepEqual(section!.methods.map(({ label }) => label), [
    "ham(groupRank=16, keep=0.5)",
    "ham(groupRank=16, keep=0.2)",
    "ham(groupRank=null, keep=0.5)",
    "naive",
  ]);
  assert.deepEqual(section!.entries.map(({ figures }) => figures.pooled!.n), [1, 1, 2, 2]);
  // Every variant has its own lead, and variants are no rivals of one another; one seed leaves none to choose on.
  assert.deepEqual(section!.leads.map(({ method, rivals, difference }) => [method, rivals, difference?.n]), [
    ["ham(groupRank=16, keep=0.5)", [], undefined],
    ["ham(groupRank=16, keep=0.2)", [], undefined],
    ["ham(groupRank=null, keep=0.5)", [{ method: "naive", seeds: 2 }], 2],
  ]);
  assert.equal(section!.comparisons.length, 6);
});

Deno.test("createBoard() compares by any protagonist, with the best rival of each seed chosen on the others", () => {
  const records = [
    ...[0, 1, 2].map((seed) => run("ham", seed, [0.5, 0.6, 0.7][seed]!)),
    // The best on seed 0 alone, and the best on the whole; and one that is better where it is not tested.
    ...[0, 1, 2].map((seed) => run("lwf", seed, [0.75, 0.45, 0.45][seed]!)),
    ...[0, 1, 2].map((seed) => run("ewc", seed, [0.4, 0.5, 0.6][seed]!)),
    ...[0, 1, 2].map((seed) => run("joint", seed, 0.75, { matrix: [undefined, [0.75, 0.75]] })),
  ];
  const [{ leads }] = sectionsOf(records) as [BoardSection];
  assert.equal(leads.length, 1);
  const [{ method, rivals, tasks, difference, p }] = leads as [Lead];
  // Means on the other seeds: lwf 0.45, 0.6, 0.6; ewc 0.55, 0.5, 0.45.
  assert.deepEqual([method, rivals, tasks], [
    "ham",
    [{ method: "ewc", seeds: 1 }, { method: "lwf", seeds: 2 }],
    2,
  ]);
  close(difference!.mean, (0.1 + 0.15 + 0.25) / 3);
  assert.equal(p, 0.25);
  close(difference!.interval![0], 0.1);
  const [other] = sectionsOf(records, { protagonist: "ewc" });
  assert.deepEqual(other!.leads.map(({ method }) => method), ["ewc"]);
  assert.deepEqual(sectionsOf(records, { protagonist: "joint" })[0]!.leads, []);
  assert.deepEqual(sectionsOf(records, { protagonist: "nobody" })[0]!.leads, []);
});

Deno.test("createBoard() pairs only seeds that both have, and compares none that share no seed", () => {
  const [section] = sectionsOf([run("ham", 0, 0.5), run("ham", 1, 0.9), run("naive", 0, 0.4)]);
  const [pair] = section!.comparisons;
  close(pair!.difference.mean, 0.1);
  assert.equal(pair!.difference.n, 1);
  assert.equal(pair!.difference.interval, undefined);
  assert.deepEqual([pair!.p, pair!.leastP, pair!.verdict], [1, 1, "undecided"]);
  assert.deepEqual(sectionsOf([run("ham", 0, 0.5), run("naive", 1, 0.4)])[0]!.comparisons, []);
});

Deno.test("createBoard() takes no method with a buffer for a rival, and tables say what it has", () => {
  const [section] = sectionsOf([run("ham", 0, 0.5), run("er", 0, 0.9), run("naive", 0, 0.4)]);
  assert.deepEqual(section!.comparisons.map(({ a, b }) => [a, b]), [["ham", "naive"]]);
  assert.deepEqual(section!.methods.map(shownName), ["ham", "er (buffer)", "naive"]);
});

Deno.test("createBoard() has no forgetting for the joint bound", () => {
  const [section] = sectionsOf([run("joint", 0, 0.9, { matrix: [undefined, [0.9, 0.8]] })]);
  const [entry] = section!.entries;
  const figures = entry!.figures;
  close(figures.pooled!.mean, 0.85);
  close(figures.taskMean!.mean, 0.85);
  assert.equal(figures.forgetting, undefined);
  assert.equal(figures.averagePooled, undefined);
  assert.equal(figures.averageTaskMean, undefined);
});

Deno.test("createBoard() of no records has no sections", () => {
  assert.deepEqual(sectionsOf([]), []);
});

Deno.test("createBoard() tells pooled accuracy from the mean over tasks, and compares by the pooled one", () => {
  const images = [10, 90];
  const [section] = sectionsOf([
    recordOf({ method: "ham", images, matrix: [[1], [0.1, 0.9]] }),
    recordOf({ method: "naive", images, matrix: [[1], [1, 0.5]] }),
  ]);
  const [ham, naive] = section!.entries.map(({ figures }) => figures);
  close(ham!.pooled!.mean, 0.82);
  close(ham!.taskMean!.mean, 0.5);
  close(naive!.pooled!.mean, 0.55);
  close(naive!.taskMean!.mean, 0.75);
  close(section!.comparisons[0]!.difference.mean, 0.27);
});

Deno.test("createBoard() gives costs of the last task, and the most numbers trained", () => {
  const cost = {
    flopPerTrainingImage: 300,
    flopPerTestImage: 200,
    passesPerTestImage: 2,
    deployedBytes: 50,
    trainedNumbers: 7,
  };
  const [section] = sectionsOf([run("naive", 0, 0.4, { cost })]);
  const [entry] = section!.entries;
  const figures = entry!.figures;
  for (const key of Object.keys(cost) as (keyof typeof cost)[]) {
    assert.equal(figures[key]!.mean, cost[key], key);
  }
});

Deno.test("createBoard() keeps streams of other cuts, orders and evaluations apart", () => {
  const parts = [
    {},
    { firstTask: 4 },
    { taskSizes: [4, 4] },
    { classOrder: "numpy" },
    { evaluate: "last" as const },
    { evaluate: 2 },
  ];
  assert.equal(sectionsOf(parts.map((cell) => run("naive", 0, 0.4, { cell }))).length, parts.length);
});

Deno.test("createBoard() shows records of the first edition apart, with means over tasks", async () => {
  const folder = new URL("../../../fixtures/records/edition1/", import.meta.url);
  const old = [];
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    old.push(parseRecord(await Deno.readTextFile(new URL(name, folder)), name));
  }
  const sections = sectionsOf([...old, run("ham", 0, 0.4)]);
  assert.deepEqual(sections.map(({ fixed, runs }) => [fixed.edition, runs.length]), [[1, 3], [2, 1]]);
  const [ham, joint] = sections[0]!.entries.map(({ figures }) => figures);
  assert.equal(ham!.pooled, undefined);
  close(ham!.taskMean!.mean, (0.7083333333333334 + 0.6666666666666666) / 2);
  assert.ok(joint!.taskMean && !joint!.forgetting);
  assert.deepEqual(sections.map(({ accuracy }) => accuracy), ["taskMean", "pooled"]);
});
