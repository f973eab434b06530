import assert from "node:assert/strict";
import { renderCsv } from "./csv.ts";
import {
  describeSection,
  formatBytes,
  formatCount,
  formatGap,
  formatPercent,
  formatSeconds,
} from "./format.ts";
import { growthTable } from "./growth.ts";
import { renderMarkdown } from "./markdown.ts";
import { sha256 } from "../../core/json.ts";
import { compare } from "./comparison.ts";
import { recordOf } from "../records/test_records.ts";

const summary = (mean: number, deviation?: number) => ({
  mean,
  deviation,
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

Deno.test("formatGap() shows an interval if there is one, else a deviation, and how many seeds", () => {
  const gap = { tasks: 5, method: "ham", rival: "ewc" };
  assert.equal(formatGap({ ...gap, difference: summary(-0.012), interval: undefined }), "−1.2 (ewc, n=1)");
  assert.equal(
    formatGap({ ...gap, difference: summary(0.012, 0.02), interval: undefined }),
    "+1.2 ± 2.0 (ewc, n=2)",
  );
  const difference = { mean: 0.012, deviation: 0.02, n: 3 };
  assert.equal(formatGap({ ...gap, difference, interval: [-0.001, 0.03] }), "+1.2 [−0.1, +3.0] (ewc, n=3)");
});

const cost = {
  flopPerTrainingImage: 6e6,
  flopPerTestImage: 2.5e6,
  passesPerTestImage: 2,
  deployedBytes: 4096,
  trainedNumbers: 1536,
};

/** HAM with three seeds, others with fewer, one failed, one bound, and a second section. */
const sections = compare([
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

Deno.test("renderMarkdown() is pinned, with missing and failed cells in sight", () => {
  assert.equal(renderMarkdown(sections), MARKDOWN);
});

Deno.test("renderCsv() is pinned, with a row for every cell", () => {
  assert.equal(renderCsv(sections), CSV);
});

Deno.test("growthTable() has five columns for each T, with both accuracies by name, and the gap below", () => {
  const [header, ...rows] = growthTable(sections[0]!);
  assert.deepEqual(header, [
    "method",
    ...["T=2 pooled", "mean", "forget", "s", "kept"],
    ...["T=3 pooled", "mean", "forget", "s", "kept"],
  ]);
  const width = (row: typeof rows[number]) =>
    row.reduce((sum, cell) => sum + (typeof cell === "string" ? 1 : cell.colSpan), 0);
  assert.ok(rows.every((row) => width(row) === header!.length));
  assert.deepEqual(rows[1]!.slice(0, 6), [
    "naive",
    "43.8 ± 0.0 (missing: seed 2)",
    "37.5",
    "62.5 ± 0.0",
    "14",
    "200 B",
  ]);
  assert.deepEqual(rows[3]!.slice(1), [
    { content: "failed: seed 2; missing: seed 0, 1", colSpan: 5 },
    { content: "missing: seed 0", colSpan: 5 },
  ]);
  assert.deepEqual(rows.at(-1)!, [
    "ham − best other",
    { content: "+15.6 ± 4.4 (naive, n=2)", colSpan: 5 },
    { content: "–", colSpan: 5 },
  ]);
  assert.equal(growthTable(sections[1]!).length, 2);
});

Deno.test("describeSection() says what is not the plain way", () => {
  const [section] = compare([recordOf({
    method: "naive",
    matrix: [[1]],
    cell: { firstTask: 4, classesPerTask: 2, taskSizes: [4, 2, 2], classOrder: "numpy", evaluate: 5 },
    settings: { loss: "seen", firstEpochs: 20, firstRate: 0.01 },
  })]);
  const text = describeSection(section!);
  assert.match(
    text,
    /; 4 classes in the first task; 2 classes a task; tasks of 4, 2, 2 classes; class order numpy; scored after every 5 tasks\)/,
  );
  assert.match(text, /5 epochs of adamw at 0\.002, the first task 20 at 0\.01 \(/);
  assert.match(text, /batch 32, loss over all classes seen; edition 2, 1 records$/);
});

Deno.test("renderMarkdown() and renderCsv() of nothing are a heading", () => {
  assert.match(renderMarkdown([]), /^# Leaderboard\n/);
  assert.equal(renderCsv([]).trimEnd().split("\n").length, 1);
});

const MARKDOWN = `# Leaderboard

Generated by \`deno task board\`; do not edit.

Accuracy in percent, mean ± standard deviation over seeds, among all classes seen. \`pooled\` is the share of all test images of all tasks (as PILOT prints it), \`task mean\` the plain mean of the tasks' own shares (as Mammoth does); they agree where tasks have test sets of equal sizes. \`avg pooled\` and \`avg task mean\` are their means over the run. \`task-IL\` is told the task, \`task found\` is the share of images whose class lies in the right task, both over all test images. \`forgetting\` and \`transfer\` (backward) are in points, by task. \`seconds\` are those of a whole run, \`kept\` are the bytes that a method keeps between tasks, \`classifier\` those of the classifier. \`FLOP train\` and \`FLOP test\` are counted, not timed: of one image in a training step, and of one image scored in \`passes\` forward passes; \`deployed\` are the bytes needed at test time beside the backbone, \`trained\` the numbers that training changes. \`joint\` trains once on all tasks together: a bound, not a rival; methods named with \`buffer\` or \`test data\` are no rivals of the others either. Differences are of \`pooled\`, paired by seed, against the other method that leaves the smallest, with a 95 % bootstrap interval from three seeds on. Records of edition 1 have no counts: theirs are task means, \`task-IL\` too.

## toy / tiny / reference

toy 0f53133c (8 classes, 80 training and 40 test images), backbone tiny 8950abfd, backend reference, head ncm, LoRA rank 8 alpha 8 on q+v, 5 epochs of adamw at 0.002 (cosine, warmup 0, weight decay 0), batch 32; edition 2, 8 records.

| method               |                         T=2 pooled |      T=3 pooled |
| :------------------- | ---------------------------------: | --------------: |
| ham                  |                   62.5 ± 6.3 (n=3) | missing: seed 0 |
| naive                |  43.8 ± 0.0 (n=2; missing: seed 2) |      37.5 (n=1) |
| joint                |     81.3 (n=1; missing: seed 1, 2) | missing: seed 0 |
| ewc                  | failed: seed 2; missing: seed 0, 1 | missing: seed 0 |
| **ham − best other** |           +15.6 ± 4.4 (naive, n=2) |               – |

### T = 2

| method |     pooled |  task mean | avg pooled | avg task mean |  forgetting |     transfer |    task-IL | task found |  n |
| :----- | ---------: | ---------: | ---------: | ------------: | ----------: | -----------: | ---------: | ---------: | -: |
| ham    | 62.5 ± 6.3 | 62.5 ± 6.3 | 75.0 ± 3.1 |    75.0 ± 3.1 | 25.0 ± 12.5 | −25.0 ± 12.5 | 81.3 ± 3.1 | 50.0 ± 0.0 |  3 |
| naive  | 43.8 ± 0.0 | 37.5 ± 0.0 | 65.6 ± 0.0 |    62.5 ± 0.0 |  62.5 ± 0.0 |  −62.5 ± 0.0 | 71.9 ± 0.0 | 50.0 ± 0.0 |  2 |
| joint  |       81.3 |       81.3 |          – |             – |           – |            – |       90.6 |       50.0 |  1 |
| ewc    |          – |          – |          – |             – |           – |            – |          – |          – |  0 |

| method | seconds |    kept | classifier | FLOP train | FLOP test | passes | deployed | trained |                            remarks |
| :----- | ------: | ------: | ---------: | ---------: | --------: | -----: | -------: | ------: | ---------------------------------: |
| ham    |      14 | 3.9 KiB |       64 B |      6.0 M |     2.5 M |      2 |  4.0 KiB |   1.5 k |                                    |
| naive  |      14 |   200 B |       64 B |          – |         – |      – |        – |       – |                    missing: seed 2 |
| joint  |      14 |   200 B |       64 B |          – |         – |      – |        – |       – |                 missing: seed 1, 2 |
| ewc    |       – |       – |          – |          – |         – |      – |        – |       – | failed: seed 2; missing: seed 0, 1 |

### T = 3

| method | pooled | task mean | avg pooled | avg task mean | forgetting | transfer | task-IL | task found |  n |
| :----- | -----: | --------: | ---------: | ------------: | ---------: | -------: | ------: | ---------: | -: |
| ham    |      – |         – |          – |             – |          – |        – |       – |          – |  0 |
| naive  |   37.5 |      37.5 |       54.2 |          54.2 |       43.8 |    −43.8 |    68.8 |       50.0 |  1 |
| joint  |      – |         – |          – |             – |          – |        – |       – |          – |  0 |
| ewc    |      – |         – |          – |             – |          – |        – |       – |          – |  0 |

| method | seconds |  kept | classifier | FLOP train | FLOP test | passes | deployed | trained |         remarks |
| :----- | ------: | ----: | ---------: | ---------: | --------: | -----: | -------: | ------: | --------------: |
| ham    |       – |     – |          – |          – |         – |      – |        – |       – | missing: seed 0 |
| naive  |      21 | 300 B |       64 B |          – |         – |      – |        – |       – |                 |
| joint  |       – |     – |          – |          – |         – |      – |        – |       – | missing: seed 0 |
| ewc    |       – |     – |          – |          – |         – |      – |        – |       – | missing: seed 0 |

## toy / tiny / reference

toy 0f53133c (8 classes, 80 training and 40 test images), backbone tiny 8950abfd, backend reference, head linear, LoRA rank 8 alpha 8 on q+v, 5 epochs of adamw at 0.002 (cosine, warmup 0, weight decay 0), batch 32; edition 2, 1 records.

| method |  T=1 pooled |
| :----- | ----------: |
| naive  | 100.0 (n=1) |

### T = 1

| method | pooled | task mean | avg pooled | avg task mean | forgetting | transfer | task-IL | task found |  n |
| :----- | -----: | --------: | ---------: | ------------: | ---------: | -------: | ------: | ---------: | -: |
| naive  |  100.0 |     100.0 |      100.0 |         100.0 |          – |        – |   100.0 |       50.0 |  1 |

| method | seconds |  kept | classifier | FLOP train | FLOP test | passes | deployed | trained | remarks |
| :----- | ------: | ----: | ---------: | ---------: | --------: | -----: | -------: | ------: | ------: |
| naive  |     7.0 | 100 B |       64 B |          – |         – |      – |        – |       – |         |
`;

/** The columns that a section's rows have in common. */
function sectionOf(head: string): string {
  const settings =
    `"{""alpha"":8,""batchSize"":32,""epochs"":5,""head"":""${head}"",""learningRate"":0.002,` +
    `""optimiser"":""adamw"",""rank"":8,""schedule"":""cosine"",""targets"":[""q"",""v""],""warmup"":0,""weightDecay"":0}"`;
  return `2,toy,${sha256("toy")},tiny,${sha256("tiny")},reference,${settings}`;
}

const CSV =
  `edition,dataset,dataset_fingerprint,backbone,backbone_hash,backend,settings,first_task,classes_per_task,task_sizes,class_order,evaluate,method,tasks,n,accuracy_pooled_mean,accuracy_pooled_deviation,accuracy_task_mean_mean,accuracy_task_mean_deviation,average_pooled_mean,average_pooled_deviation,average_task_mean_mean,average_task_mean_deviation,forgetting_mean,forgetting_deviation,backward_transfer_mean,backward_transfer_deviation,plasticity_mean,plasticity_deviation,task_incremental_pooled_mean,task_incremental_pooled_deviation,task_incremental_task_mean_mean,task_incremental_task_mean_deviation,task_inference_mean,task_inference_deviation,seconds_mean,seconds_deviation,kept_bytes_mean,kept_bytes_deviation,classifier_bytes_mean,classifier_bytes_deviation,flop_per_training_image_mean,flop_per_training_image_deviation,flop_per_test_image_mean,flop_per_test_image_deviation,passes_per_test_image_mean,passes_per_test_image_deviation,deployed_bytes_mean,deployed_bytes_deviation,trained_numbers_mean,trained_numbers_deviation,failed_seeds,missing_seeds
${
    sectionOf("ncm")
  },,,,,,ham,2,3,0.625,0.0625,0.625,0.0625,0.75,0.03125,0.75,0.03125,0.25,0.125,-0.25,0.125,0.75,0,0.8125,0.03125,0.8125,0.03125,0.5,0,14,0,4000,0,64,0,6000000,0,2500000,0,2,0,4096,0,1536,0,,
${
    sectionOf("ncm")
  },,,,,,naive,2,2,0.4375,0,0.375,0,0.65625,0,0.625,0,0.625,0,-0.625,0,0.6875,0,0.71875,0,0.6875,0,0.5,0,14,0,200,0,64,0,,,,,,,,,,,,2
${
    sectionOf("ncm")
  },,,,,,joint,2,1,0.8125,,0.8125,,,,,,,,,,,,0.90625,,0.90625,,0.5,,14,,200,,64,,,,,,,,,,,,,1 2
${sectionOf("ncm")},,,,,,ewc,2,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,2,0 1
${sectionOf("ncm")},,,,,,ham,3,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,0
${
    sectionOf("ncm")
  },,,,,,naive,3,1,0.375,,0.375,,0.5416666666666666,,0.5416666666666666,,0.4375,,-0.4375,,0.6666666666666666,,0.6875,,0.6875,,0.5,,21,,300,,64,,,,,,,,,,,,,
${sectionOf("ncm")},,,,,,joint,3,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,0
${sectionOf("ncm")},,,,,,ewc,3,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,0
${sectionOf("linear")},,,,,,naive,1,1,1,,1,,1,,1,,,,,,1,,1,,1,,0.5,,7,,100,,64,,,,,,,,,,,,,
`;
