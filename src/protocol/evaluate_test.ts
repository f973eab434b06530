import assert from "node:assert/strict";
import { hostTensor } from "../core/tensors.ts";
import { proceduralDataset } from "../data/procedural/procedural.ts";
import { createStream } from "../data/stream.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { matmul } from "../graph/functions.ts";
import { featurePass } from "../methods/adapter_method.ts";
import { Engine } from "../train/engine.ts";
import type { Predictor } from "../train/parts.ts";
import { imageTable } from "../train/table.ts";
import { randomAdapter, tinyBackbone, tinyConfig } from "../train/test_kit.ts";
import { createRng } from "../core/rng.ts";
import { choose, Evaluator } from "./evaluate.ts";

const dataset = proceduralDataset({ seed: 0, classes: 6, trainPerClass: 2, testPerClass: 5, size: 8 });
const stream = createStream(dataset, { tasks: 3, orderSeed: 1 });
const rng = createRng(0, "rows");
const rows = hostTensor(
  [6, tinyConfig.width],
  Float32Array.from({ length: 6 * tinyConfig.width }, () => rng.normal()),
);

function predictor(...adapters: (number | undefined)[]): Predictor {
  return {
    passes: adapters.map((seed) => featurePass(seed === undefined ? undefined : randomAdapter(seed))),
    fixed: { rows },
    scores: ([feature], { fixed }) => matmul(feature!, fixed["rows"]!, { transposeB: true }),
  };
}

/** An engine that counts the rows that it passes through the backbone. */
function countingEngine() {
  const engine = new Engine(createReferenceExecutor(), tinyBackbone(), dataset);
  const counted = { rows: 0 };
  const map = engine.map.bind(engine);
  engine.map = (pass, table) => {
    if (table.images) counted.rows += table.count;
    return map(pass, table);
  };
  return { engine, counted };
}

Deno.test("Evaluator counts what plain loops over scores count", async () => {
  const { engine } = countingEngine();
  const found = await new Evaluator(engine, stream).evaluate(predictor(3), 2);
  const features = await engine.map(featurePass(randomAdapter(3)), imageTable(dataset.test));
  const seen = stream.tasks.slice(0, 2).flatMap(({ classes }) => classes);
  const score = (image: number, label: number) =>
    Array.from({ length: 8 }, (_, i) => features.data[image * 8 + i]! * rows.data[label * 8 + i]!)
      .reduce((a, b) => a + b);
  const best = (image: number, among: readonly number[]) =>
    among.reduce((most, label) => score(image, label) > score(image, most) ? label : most);
  const count = (right: (image: number, own: readonly number[]) => boolean) =>
    stream.tasks.slice(0, 2).map(({ test, classes }) => [...test].filter((i) => right(i, classes)).length);
  assert.deepEqual(found.classIncremental, count((i) => best(i, seen) === dataset.test.labels[i]));
  assert.deepEqual(found.taskIncremental, count((i, own) => best(i, own) === dataset.test.labels[i]));
  assert.deepEqual(found.taskInference, count((i, own) => own.includes(best(i, seen))));
});

Deno.test("Evaluator looks at an image once for a pass that does not change, and again for one that does", async () => {
  const { engine, counted } = countingEngine();
  const evaluator = new Evaluator(engine, stream);
  const rowsOf = async (...adapters: (number | undefined)[]) => {
    counted.rows = 0;
    await evaluator.evaluate(predictor(...adapters), seen);
    return counted.rows;
  };
  let seen = 1;
  assert.equal(await rowsOf(undefined), 10);
  seen = 2;
  assert.equal(await rowsOf(undefined), 10);
  assert.equal(await rowsOf(undefined), 0);
  assert.equal(await rowsOf(1), 20);
  // Equal by value, not by reference; and two equal passes are one.
  assert.equal(await rowsOf(1, 1), 0);
  assert.equal(await rowsOf(2, 1), 20);
  seen = 3;
  assert.equal(await rowsOf(2, 1), 20);
});

Deno.test("Evaluator looks at all test images of a domain once for a pass that does not change", async () => {
  const { engine, counted } = countingEngine();
  const domains = createStream(dataset, { tasks: 3, orderSeed: 1, stream: "domains" });
  const evaluator = new Evaluator(engine, domains);
  const rowsOf = async (seen: number, ...adapters: (number | undefined)[]) => {
    counted.rows = 0;
    const { classIncremental, taskIncremental, taskInference } = await evaluator.evaluate(
      predictor(...adapters),
      seen,
    );
    assert.deepEqual(taskIncremental, classIncremental);
    assert.deepEqual(taskInference, Array.from({ length: seen }, () => 30));
    return counted.rows;
  };
  assert.equal(await rowsOf(1, undefined), 30);
  assert.equal(await rowsOf(2, undefined), 30);
  assert.equal(await rowsOf(2, undefined, 1), 60);
  assert.equal(await rowsOf(3, 1), 30);
});

Deno.test("Evaluator gives the same answers from what it kept", async () => {
  const { engine } = countingEngine();
  const kept = new Evaluator(engine, stream);
  await kept.evaluate(predictor(1, 2), 2);
  const fresh = await new Evaluator(engine, stream).evaluate(predictor(1, 2), 3);
  assert.deepEqual(await kept.evaluate(predictor(1, 2), 3), fresh);
});

Deno.test("choose() takes classes seen, the task's own where it is known, and the first of equals", () => {
  const scores = Float32Array.of(1, 0.5, 0, 100);
  assert.deepEqual(choose(scores, [1, 2, 0], new Set([1, 2])), { all: 0, own: 1 });
  const equal = Float32Array.of(1, 1, 1);
  assert.deepEqual(choose(equal, [2, 0, 1], new Set([0, 1])), { all: 2, own: 0 });
  assert.deepEqual(choose(equal, [1, 0, 2], new Set([2, 0])), { all: 1, own: 0 });
});
