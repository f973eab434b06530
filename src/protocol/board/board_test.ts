import assert from "node:assert/strict";
import { renderCsv } from "./csv.ts";
import {
  formatBytes,
  formatCount,
  formatDifference,
  formatLead,
  formatPercent,
  formatSeconds,
} from "./format.ts";
import { growthTables } from "./growth.ts";
import { renderJson, withoutTimes } from "./json.ts";
import { renderMarkdown } from "./markdown.ts";
import { recordOf } from "../records/test_records.ts";
import { boardOf, sectionsOf } from "./test_board.ts";

const summary = (mean: number, deviation?: number) => ({
  mean,
  ...(deviation !== undefined && { deviation }),
  n: deviation === undefined ? 1 : 2,
});

Deno.test("formatPercent() has a deviation where there are several seeds", () => {
  assert.equal(formatPercent(undefined), "–");
  assert.equal(formatPercent(summary(0.4126)), "41.3");
  assert.equal(formatPercent(summary(0.4126, 0.008)), "41.3 ± 0.8");
  assert.equal(formatPercent(summary(-0.05)), "−5.0");
});

Deno.test("formatSeconds() has a tenth below ten", () => {
  assert.deepEqual([undefined, summary(9.94), summary(61.5)].map(formatSeconds), ["–", "9.9", "62"]);
});

Deno.test("formatBytes() keeps to three digits", () => {
  const sizes = [0, 999, 1000, 4000, 150_000, 5 * 2 ** 20, 3 * 2 ** 40];
  assert.deepEqual(
    sizes.map((size) => formatBytes(summary(size))),
    ["0 B", "999 B", "1.0 KiB", "3.9 KiB", "146 KiB", "5.0 MiB", "3072 GiB"],
  );
});

Deno.test("formatCount() keeps to three digits", () => {
  const counts = [0, 1.5, 999, 1234, 5_678_000, 2.5e12];
  assert.deepEqual(
    counts.map((value) => formatCount(summary(value))),
    ["0", "2", "999", "1.2 k", "5.7 M", "2.5 T"],
  );
});

Deno.test("formatDifference() shows an interval if there is one, else a deviation, and how many seeds", () => {
  assert.equal(formatDifference(summary(-0.012)), "−1.2 (n=1)");
  assert.equal(formatDifference(summary(0.012, 0.02)), "+1.2 ± 2.0 (n=2)");
  const difference = { mean: 0.012, deviation: 0.02, n: 3, interval: [-0.001, 0.03] } as const;
  assert.equal(formatDifference(difference), "+1.2 [−0.1, +3.0] (n=3)");
  assert.equal(formatDifference(summary(-0.0001)), "+0.0 (n=1)");
});

Deno.test("formatLead() names the rivals that were chosen, and for how many seeds", () => {
  const lead = { tasks: 5, method: "ham", p: 1 };
  const difference = summary(0.012, 0.02);
  const [ewc, lwf] = [{ method: "ewc", seeds: 2 }, { method: "lwf", seeds: 1 }];
  assert.equal(formatLead({ ...lead, rivals: [] }), "–");
  assert.equal(formatLead({ ...lead, rivals: [ewc], difference }), "+1.2 ± 2.0 (n=2) over ewc");
  assert.equal(formatLead({ ...lead, rivals: [ewc, lwf], difference }), "+1.2 ± 2.0 (n=2) over ewc 2×, lwf");
});

const cost = {
  flopPerTrainingImage: 6e6,
  flopPerTestImage: 2.5e6,
  passesPerTestImage: 2,
  deployedBytes: 4096,
  trainedNumbers: 1536,
};

/** HAM with three seeds, others with fewer, one failed, one bound, and a second section. */
const board = boardOf([
  ...[0, 1, 2].map((seed) =>
    recordOf({ method: "ham", seed, matrix: [[0.875], [0.5 + seed / 8, 0.625]], keptBytes: 2000, cost })
  ),
  ...[0, 1].map((seed) =>
    recordOf({ method: "naive", seed, matrix: [[0.875], [0.25, 0.5]], images: [32, 96] })
  ),
  recordOf({ method: "joint", matrix: [undefined, [0.875, 0.75]] }),
  recordOf({ method: "ewc", seed: 2, matrix: [[0.875]], tasks: 2, status: "failed" }),
  recordOf({ method: "naive", seed: 0, matrix: [[0.875], [0.25, 0.5], [0.25, 0.25, 0.625]] }),
  recordOf({ method: "naive", seed: 0, matrix: [[1]], settings: { head: "linear" } }),
]);

function pinned(name: string): Promise<string> {
  return Deno.readTextFile(new URL(`../../../fixtures/board/${name}`, import.meta.url));
}

Deno.test("renderMarkdown() is pinned, with missing and failed cells in sight", async () => {
  assert.equal(renderMarkdown(board), await pinned("LEADERBOARD.md"));
});

Deno.test("renderCsv() is pinned, with a row for every cell", async () => {
  assert.equal(renderCsv(board), await pinned("leaderboard.csv"));
});

Deno.test("growthTables() fits a width, keeps metrics of one T together, and names what is missing", () => {
  const [section] = board.sections;
  const wide = growthTables(section!);
  assert.equal(wide.tables.length, 1);
  const [[header, ...rows]] = wide.tables as [string[][]];
  assert.deepEqual(header, [
    "method",
    ...["T=2 pooled (n=3)", "T=2 mean", "T=2 forgetting", "T=2 seconds", "T=2 kept"],
    ...["T=3 pooled (n=1)", "T=3 forgetting", "T=3 seconds", "T=3 kept"],
  ]);
  assert.deepEqual(rows[1]!.slice(0, 6), [
    "naive",
    "43.8 ± 0.0 (n=2)",
    "37.5 ± 0.0",
    "62.5 ± 0.0",
    "14",
    "200 B",
  ]);
  assert.deepEqual(rows[3]!.slice(0, 3), ["ewc", "failed", "–"]);
  assert.deepEqual(rows[3]!.slice(6, 8), ["missing", "–"]);
  assert.deepEqual(wide.notes, [
    "naive, T=2: missing: seed 2",
    "joint, T=2: missing: seed 1, 2",
    "ewc, T=2: failed: seed 2; missing: seed 0, 1",
    ...["ham", "joint", "ewc"].map((method) => `${method}, T=3: missing: seed 0`),
    "ham − best rival, chosen on other seeds, T=2: +15.6 ± 4.4 (n=2) over naive",
    "ham − best rival, chosen on other seeds, all T: +15.6 ± 4.4 (n=2) over naive",
  ]);
  for (const width of [200, 100, 80, 60, 40]) {
    const { tables } = growthTables(section!, { width });
    for (const table of tables) {
      const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
      assert.ok(widths.reduce((sum, own) => sum + own + 3, 1) <= width, `${width}`);
      assert.ok(table.every((row) => row.length === widths.length && row.length > 1));
    }
    assert.deepEqual(tables.flatMap(([row]) => row!.slice(1)), header!.slice(1));
  }
  // Two blocks of 71 and 58 characters: one of them on each line of 100.
  assert.equal(growthTables(section!, { width: 100 }).tables.length, 2);
  const chosen = growthTables(section!, { metrics: ["transfer", "passes"] });
  assert.deepEqual(chosen.tables[0]![0], [
    "method",
    ...["T=2 transfer (n=3)", "T=2 passes", "T=3 transfer (n=1)", "T=3 passes"],
  ]);
  assert.deepEqual(chosen.tables[0]![1]!.slice(1, 3), ["−25.0 ± 12.5", "2"]);
  assert.throws(
    () => growthTables(section!, { metrics: ["accuracy"] }),
    /Cannot show metric accuracy: wanted/,
  );
});

Deno.test("withoutTimes() makes boards of runs equal that took other times", () => {
  const parts = { method: "ham", matrix: [[0.5], [0.5, 0.5]] };
  const fast = recordOf(parts);
  const seconds = { train: 3, method: 3, evaluate: 3 };
  const slow = { ...fast, tasks: fast.tasks.map((task) => ({ ...task, seconds })) };
  const [a, b] = [boardOf([fast]), boardOf([slow])];
  assert.notEqual(renderJson(a), renderJson(b));
  for (const render of [renderJson, renderMarkdown, renderCsv]) {
    assert.equal(render(withoutTimes(a)), render(withoutTimes(b)));
  }
});

Deno.test("files of a board hold whatever a record says as text without meaning", () => {
  const evil = "=<script>|`**[x](javascript:1)\u001b[31m\n# T";
  const board = boardOf([
    recordOf({
      method: evil,
      matrix: [[1]],
      source: { overlap: [{ trainedOn: evil, by: "name", classes: 1 }] },
    }),
  ], {
    problems: [{ path: `${evil}.jsonl`, message: evil }],
  });
  const markdown = renderMarkdown(board);
  assert.doesNotMatch(markdown, /<script|\]\(|^# T/m);
  assert.doesNotMatch(markdown.replaceAll("\n", ""), /\p{Cc}/u);
  assert.match(markdown, /&lt;script>\\\|/);
  assert.doesNotMatch(renderCsv(board), /(^|,)"?=/m);
  assert.deepEqual(JSON.parse(renderJson(board)).problems, board.problems);
  const { tables } = growthTables(board.sections[0]!);
  assert.doesNotMatch(tables.flat(2).join(""), /\p{Cc}/u);
});

Deno.test("A section's description says what is not the plain way", () => {
  const [section] = sectionsOf([recordOf({
    method: "naive",
    matrix: [[1]],
    cell: { firstTask: 4, classesPerTask: 2, taskSizes: [4, 2, 2], classOrder: "numpy", evaluate: 5 },
    settings: { loss: "seen", firstEpochs: 20, firstRate: 0.01, head: "ridge", randomFeatures: 64 },
  })]);
  const text = section!.description;
  assert.match(
    text,
    /; 4 classes in the first task; 2 classes a task; tasks of 4, 2, 2 classes; class order numpy; scored after every 5 tasks\)/,
  );
  assert.match(text, /head ridge \(randomFeatures 64\), LoRA rank 8/);
  assert.match(text, /5 epochs of adamw at 0\.002, the first task 20 at 0\.01 \(/);
  assert.match(text, /batch 32, loss over all classes seen; edition 2, 1 record$/);
});

Deno.test("renderMarkdown() and renderCsv() of nothing are a heading", () => {
  assert.match(renderMarkdown(boardOf([])), /^# Leaderboard\n/);
  assert.equal(renderCsv(boardOf([])).trimEnd().split("\n").length, 1);
});
