import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { gradients } from "../graph/autodiff.ts";
import { trace } from "../graph/graph.ts";
import { maskedLoss } from "../nn/losses.ts";
import { drawFeatures, normalised, TASK, taskGroups } from "./alignment.ts";
import { emptyStatistics } from "./statistics.ts";

const { alignment: expected } = JSON.parse(
  Deno.readTextFileSync(new URL("../../fixtures/methods/regularised/expected.json", import.meta.url)),
);

Deno.test("normalised() divides logits by the mean length of a task's logits, as PyTorch does", async () => {
  // Classes 0 and 2 came first, then 1, then 3 and 4; 5 is not known.
  const { groups, shares } = taskGroups([1, 2, 1, 3, 3, 0]);
  const program = trace((graph) => {
    const logits = graph.input("logits", [2, 6]);
    const fixed = {
      groups: graph.input("groups", groups.shape),
      shares: graph.input("shares", shares.shape),
    };
    const found = normalised(logits, fixed, 0.1);
    const loss = maskedLoss(
      found,
      graph.input("labels", [2], "i32"),
      graph.input("mask", [6]),
      graph.input("weights", [2]),
    );
    graph.output("found", found);
    graph.output("slope", gradients(loss, [logits])[0]!);
  });
  const executable = await createReferenceExecutor().compile(program, {});
  // The wave of the fixture's script; 'logits' begins at phase 73.
  const first = [..."logits"].reduce((total, letter) => total + letter.charCodeAt(0), 0) % 97;
  const { found, slope } = await executable.run({
    logits: Float64Array.from({ length: 12 }, (_, i) => 3 * Math.sin(first + 1.3 * i)),
    groups: groups.data,
    shares: shares.data,
    labels: Int32Array.of(1, 3),
    mask: Float32Array.of(1, 1, 1, 1, 1, 0),
    weights: Float32Array.of(1, 1),
  }, ["found", "slope"]);
  const near = (value: number, wanted: number) =>
    assert.ok(Math.abs(value - wanted) < 1e-6, `${value}, ${wanted}`);
  expected.logits.forEach((wanted: number, i: number) =>
    near(found![Math.floor(i / 5) * 6 + i % 5]!, wanted)
  );
  expected.gradient.forEach((wanted: number, i: number) => near(slope![i]!, wanted));
});

Deno.test("drawFeatures() draws older classes nearer to 0", () => {
  const base = emptyStatistics(3, 2, "class");
  const statistics = {
    ...base,
    "head.mean": hostTensor([3, 2], Float32Array.of(10, 0, 0, 20, 30, 40)),
    "head.count": hostTensor([3], Float32Array.of(5, 5, 5)),
    "head.scatter": hostTensor([3, 2, 2], Float32Array.of(4, 0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4)),
    [TASK]: hostTensor([3], Float32Array.of(1, 2, 2)),
  };
  const draw = (fading?: number) =>
    drawFeatures(statistics, 1, createRng(0, "draw"), fading).columns!["feature"] as ReturnType<
      typeof hostTensor
    >;
  const moved = draw(0.1).data.map((value, i) => value - draw().data[i]!);
  // The first of two tasks by a half of 0.1.
  [-0.5, 0, 0, 0, 0, 0].forEach((wanted, i) => assert.ok(Math.abs(moved[i]! - wanted) < 1e-5, `${moved}`));
});
