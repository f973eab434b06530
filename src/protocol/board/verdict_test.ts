import assert from "node:assert/strict";
import { recordOf, type RecordParts } from "../records/test_records.ts";
import { sectionsOf } from "./test_board.ts";

/** Runs of a method that end at so many points, seed by seed. */
function runs(method: string, points: readonly number[], parts: Partial<RecordParts> = {}) {
  return points.map((end, seed) =>
    recordOf({ method, seed, images: [1000, 1000], matrix: rows(end), ...parts })
  );
}

function rows(points: number): number[][] {
  return [[0.9], [points / 100, points / 100]];
}

/** The paragraphs on the only section of some records. */
function verdict(records: readonly ReturnType<typeof recordOf>[], margin?: number): readonly string[] {
  const sections = sectionsOf(records, margin === undefined ? {} : { margin });
  assert.equal(sections.length, 1);
  return sections[0]!.verdict;
}

const long = (base: number, n: number, step = 1) =>
  Array.from({ length: n }, (_, i) => base + step * (i % 3) / 10);

Deno.test("a verdict on one method, or one seed, claims nothing", () => {
  assert.deepEqual(verdict(runs("ewc", [30])), [
    "At T = 2, the only method that stores no images, ewc, has 30.0 % (n = 1).",
  ]);
  assert.deepEqual(verdict([...runs("ham", [30]), ...runs("ewc", [31.2]), ...runs("naive", [20])]), [
    "At T = 2, of 3 methods that store no images, ewc is first with 31.2 % (n = 1); ham is 1.2 points behind. One " +
    "seed says nothing of how far results vary, so no order is significant: that takes 7 seeds or more.",
  ]);
});

Deno.test("a verdict on three seeds gives intervals, and says that three seeds decide nothing", () => {
  const [text, ...others] = verdict([
    ...runs("ham", [27, 27.5, 28]),
    ...runs("ewc", [28, 29, 29.1]),
    ...runs("lwf", [27.9, 28.2, 28.1]),
  ]);
  assert.deepEqual(others, []);
  assert.equal(
    text,
    "At T = 2, of 3 methods that store no images, ewc is first with 28.7 % [28.0, 29.1] (n = 3); lwf is 0.6 points " +
      "behind [−1.0, −0.1] and ham is 1.2 points behind [−1.5, −1.0]. With the best rival of each seed chosen on the " +
      "other seeds (ewc), ham is 1.2 points behind [−1.5, −1.0] (3 seeds, p = 0.25). 3 seeds can give no p below 0.25, " +
      "so no order is significant, however large the difference: that takes 7 seeds or more.",
  );
});

Deno.test("a verdict names who is significantly behind, whom the data do not tell apart, and who is equivalent", () => {
  const [text] = verdict([
    ...runs("ham", long(40, 12)),
    ...runs("ewc", long(40.05, 12).map((value, i) => value + (i % 2 ? 2 : -2))),
    ...runs("lwf", long(30, 12, 2)),
    ...runs("naive", long(30, 12)),
  ]);
  assert.equal(
    text!.replace(/^.*?p = [\d.]+\)\. /, ""),
    "ewc is significantly ahead of lwf and naive (p at most 0.0029 after Holm's correction over 6 pairs of methods). The " +
      "data do not decide between ewc and ham. Of all 6 pairs, 5 differ significantly.",
  );
  const [same] = verdict([...runs("ham", long(40, 6)), ...runs("average", long(40, 6))], 0.02);
  assert.match(
    same!,
    /^At T = 2, of 2 methods that store no images, ham and average are level in first place with 40\.1 % \[.*\] \(n = 6\)\. /,
  );
  assert.match(
    same!,
    /ham is significantly ahead of no other method\. ham and average are equivalent within 2 points \(p < 0\.001\)\.$/,
  );
});

Deno.test("a verdict says what Holm's correction leaves of many pairs", () => {
  const methods = ["ham", "ewc", "lwf", "naive", "average", "ties", "dare"];
  const [text] = verdict(methods.flatMap((method, i) => runs(method, long(40 - i, 6))));
  assert.match(
    text!,
    / 6 seeds can give no p below 0\.031, which Holm's correction over 21 pairs of methods makes 0\.66, so no order is significant, however large the difference: that takes 10 seeds or more\.$/,
  );
});

Deno.test("a verdict names even a very small least p", () => {
  const names = Array.from({ length: 25 }, (_, i) => `other-${i}`);
  const [text] = verdict(names.flatMap((method, i) => runs(method, long(40 - i, 12))));
  assert.match(
    text!,
    / 12 seeds can give no p below 0\.00049, which Holm's correction over 300 pairs of methods makes 0\.15,/,
  );
});

Deno.test("a verdict keeps classes apart, and measures the gap between floor and bound", () => {
  const [text] = verdict([
    ...runs("ham", [30, 31]),
    ...runs("simplecil", [20, 21]),
    ...runs("er", [50, 52]),
    ...runs("joint", [40, 41]),
  ]);
  assert.match(
    text!,
    /^At T = 2, of 2 methods that store no images, ham is first with 30\.5 % \(n = 2\); simplecil is 10\.0 points behind\./,
  );
  assert.match(
    text!,
    / The only method with a buffer, er, has 51\.0 % \(n = 2\)\. The bound joint reaches 40\.5 % \(n = 2\)\. ham closes 50\.0 % of the gap between simplecil and joint \(n = 2\)\.$/,
  );
  assert.deepEqual(verdict(runs("joint", [40])), ["At T = 2, the bound joint reaches 40.0 % (n = 1)."]);
});

Deno.test("a verdict says what failed, what is missing, and when nothing has finished", () => {
  const failed = { status: "failed", matrix: [[0.5]], tasks: 2 } as const;
  const open = { ...failed, status: "open" } as const;
  assert.deepEqual(verdict([...runs("ham", [30]), ...runs("ewc", [0], failed), ...runs("lwf", [0], open)]), [
    "At T = 2, the only method that stores no images, ham, has 30.0 % (n = 1).",
    "Training diverged for ewc at T = 2 (seed 0).",
    "No finished run of lwf at T = 2 (seed 0): methods are compared on the seeds that they share.",
  ]);
  assert.deepEqual(verdict(runs("ewc", [0], failed)), [
    "No run has finished: nothing is decided.",
    "Training diverged for ewc at T = 2 (seed 0).",
  ]);
  const apart = verdict([
    recordOf({ method: "ham", seed: 0, matrix: rows(30) }),
    recordOf({ method: "ewc", seed: 1, matrix: rows(20) }),
  ]);
  assert.match(apart[0]!, /ham is first with 30\.0 % \(n = 1\); ewc shares no seed with it\.$/);
});

Deno.test("a verdict over several numbers of tasks ranks methods on all their streams", () => {
  const three = (points: number) => ({
    images: [1000, 1000, 1000],
    matrix: [...rows(points), [1, 1, 1].map(() => points / 100)],
  });
  const both = (method: string, points: readonly number[]) => [
    ...runs(method, points),
    ...points.map((end, seed) => recordOf({ method, seed, ...three(end - 5) })),
  ];
  const texts = verdict([
    ...both("ham", [40, 40.5, 41]),
    ...both("ewc", [38, 38.5, 40]),
    ...both("lwf", [30, 31, 32]),
  ]);
  assert.equal(texts.length, 3);
  assert.match(
    texts[2]!,
    /^Over T = 2 and 3 together \(6 pairs of T and seed\), of 3 methods that store no images, ham has the best mean rank \(ham 1\.0, ewc 2\.0\), which does not set it apart from ewc \(critical difference 1\.4, Friedman's p = 0\.0025\)\. With the best rival of each seed chosen on the other seeds \(ewc\), ham is 1\.7 points ahead \[.*\] \(6 pairs of T and seed, p = 0\.031\)\. 6 pairs of T and seed can give no p below 0\.031, which Holm's correction over 3 pairs of methods makes 0\.094, so no order is significant/,
  );
});

Deno.test("a verdict is inert text, whatever a record calls its method", () => {
  const [text] = verdict(runs("evil\u001b[31m\nmethod", [30]));
  assert.doesNotMatch(text!, /[\p{Cc}]/u);
});
