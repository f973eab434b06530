import assert from "node:assert/strict";
import { DivergenceError } from "../core/errors.ts";
import { createRng } from "../core/rng.ts";
import { hostTensor } from "../core/tensors.ts";
import { selectImages } from "../data/dataset.ts";
import { toFloatImages } from "../data/preprocess.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { mul, neg, sum } from "../graph/functions.ts";
import { trace } from "../graph/graph.ts";
import { type Adapter, adapterTensors, adapterToTensors, createAdapter, IMPORTANCE } from "../nn/adapter.ts";
import { createBackbone } from "../nn/backbone.ts";
import { foldAdapter } from "../nn/fold.ts";
import { cosineHead, type LinearHead, linearHead } from "../nn/heads.ts";
import { branchFromTensors } from "../nn/lora.ts";
import { maskedLoss } from "../nn/losses.ts";
import { stateLookup, vitFeature } from "../nn/vit.ts";
import { COSINE_SCALE, type RunShape, type TrainingHead } from "./lora_programs.ts";
import {
  constantAdam,
  countingExecutor,
  randomAdapter,
  tinyBackbone,
  tinyConfig,
  tinyLora,
  toyDataset,
  toyPreprocessing,
} from "./test_kit.ts";
import { Trainer, type TrainerOptions } from "./trainer.ts";
import type { ExtraLoss, FrozenBranches, Training } from "./training.ts";

const CLASSES = 4;
const dataset = toyDataset(CLASSES, 4);
const backbone = tinyBackbone();
const shape: RunShape = { config: tinyConfig, lora: tinyLora, classes: CLASSES, batch: 4, head: "linear" };

function createTrainer(options: Partial<TrainerOptions> = {}): Trainer {
  return new Trainer({
    executor: createReferenceExecutor(),
    backbone,
    preprocessing: toyPreprocessing,
    shape,
    optimiser: constantAdam,
    epochs: 1,
    featureBatch: 3,
    ...options,
  });
}

function headOf(seed = 5): LinearHead {
  const rng = createRng(seed, "head");
  const random = (size: number) => Float32Array.from({ length: size }, () => 0.3 * rng.normal());
  return {
    weight: hostTensor([CLASSES, 8], random(CLASSES * 8)),
    bias: hostTensor([CLASSES], random(CLASSES)),
  };
}

/** The training images of some classes, at most `count`. */
function dataOf(classes: readonly number[], count = Infinity) {
  const indices = [...dataset.train.labels.keys()].filter((i) => classes.includes(dataset.train.labels[i]!));
  return { classes, split: selectImages(dataset.train, indices.slice(0, count), 3 * 8 * 8) };
}

const fresh = createAdapter(tinyConfig, tinyLora, createRng(0, "fresh"));
const order = () => createRng(0, "order");

/** Trains on classes 1 and 2. */
function train(training: Training, options: Partial<TrainerOptions> = {}, count = Infinity) {
  return createTrainer(options).train(dataOf([1, 2], count), training, headOf(), order());
}

function largestGap(a: Adapter, b: Adapter): number {
  const [left, right] = [adapterToTensors(a), adapterToTensors(b)];
  return Math.max(
    ...Object.keys(left).flatMap((name) =>
      [...left[name]!.data].map((value, i) => Math.abs(value - right[name]!.data[i]!))
    ),
  );
}

Deno.test("Trainer.train() moves the adapter and the rows of the task's classes, and no others", async () => {
  const head = headOf();
  const result = await createTrainer().train(dataOf([1, 2]), { start: fresh }, head, order());
  const moved = (part: "weight" | "bias", label: number) => {
    const size = head[part].data.length / CLASSES;
    const row = (of: LinearHead) => of[part].data.slice(label * size, (label + 1) * size).join();
    return row(result.head) !== row(head);
  };
  for (const part of ["weight", "bias"] as const) {
    assert.deepEqual([0, 1, 2, 3].map((label) => moved(part, label)), [false, true, true, false], part);
  }
  for (const [site, { a, b }] of Object.entries(result.adapter.pairs)) {
    assert.notDeepEqual(b.data, fresh.pairs[site]!.b.data, site);
    assert.notDeepEqual(a.data, fresh.pairs[site]!.a.data, site);
  }
});

Deno.test("Trainer.train() lowers the loss", async () => {
  const { losses } = await train({ start: fresh }, { epochs: 15 });
  assert.equal(losses.length, 30);
  assert.ok(losses.at(-1)! < 0.5 * losses[0]!, `${losses[0]} to ${losses.at(-1)}`);
});

Deno.test("Trainer.train() trains the importance only if asked", async () => {
  const start = randomAdapter(1, { importance: 0.75 });
  assert.equal((await train({ start })).adapter.importance, 0.75);
  const trained = await train({ start, trainImportance: true });
  assert.notEqual(trained.adapter.importance, 0.75);
  assert.ok(Math.abs(trained.adapter.importance - 0.75) < 0.05);
});

Deno.test("Trainer.train() with a fixed importance equals training at so much smaller a scale", async () => {
  const start = randomAdapter(1);
  const importance = await train({ start: { ...start, importance: 0.5 } });
  const lora = { ...tinyLora, scale: tinyLora.scale / 2 };
  const scale = await train({ start: { ...start, scale: lora.scale } }, { shape: { ...shape, lora } });
  assert.deepEqual(importance.losses, scale.losses);
  assert.deepEqual(importance.adapter.pairs, scale.adapter.pairs);
});

const frozenOf = (adapters: readonly Adapter[], changes: Partial<FrozenBranches> = {}): FrozenBranches => ({
  adapters,
  slots: 3,
  rank: 4,
  gains: adapters.map(() => 1),
  trainGains: false,
  ...changes,
});

Deno.test("Trainer.train() with frozen branches equals training on a backbone with them folded in", async () => {
  const adapters = [randomAdapter(1, { importance: 0.5 }), randomAdapter(2, { rank: 4 })];
  const branches = await train({ start: fresh, frozen: frozenOf(adapters, { gains: [1, -0.5] }) });
  const folded = [adapters[0]!, { ...adapters[1]!, importance: -0.5 }]
    .reduce((weights, adapter) => foldAdapter(tinyConfig, weights, adapter), backbone.weights);
  const plain = await train({ start: fresh }, { backbone: createBackbone({ ...backbone, weights: folded }) });
  branches.losses.forEach((loss, i) => assert.ok(Math.abs(loss - plain.losses[i]!) < 1e-5));
  assert.ok(
    largestGap(branches.adapter, plain.adapter) < 1e-4,
    `${largestGap(branches.adapter, plain.adapter)}`,
  );
  assert.deepEqual(branches.gains, [1, -0.5]);
});

Deno.test("Trainer.train() with empty slots equals training without", async () => {
  const empty = await train({ start: fresh, frozen: frozenOf([]) });
  const plain = await train({ start: fresh });
  assert.ok(largestGap(empty.adapter, plain.adapter) < 1e-6);
  assert.deepEqual(empty.gains, []);
});

Deno.test("Trainer.train() trains the gains of frozen branches, one each", async () => {
  const adapters = [randomAdapter(1), randomAdapter(2)];
  const frozen = frozenOf(adapters, { gains: [1, 0.5], trainGains: true });
  const { gains } = await train({ start: fresh, frozen });
  assert.equal(gains.length, 2);
  assert.ok(gains[0] !== 1 && gains[1] !== 0.5, `${gains}`);
  assert.ok(Math.abs(gains[0]! - 1) < 0.05 && Math.abs(gains[1]! - 0.5) < 0.05, `${gains}`);
});

Deno.test("Trainer.train() does not see the padding of the last batch", async () => {
  // Three images are one batch of three, or a padded batch of four or seven.
  const runs = [3, 4, 7].map((batch) => train({ start: fresh }, { shape: { ...shape, batch } }, 3));
  const [exact, ...padded] = await Promise.all(runs);
  for (const { adapter, losses } of padded) {
    assert.ok(Math.abs(losses[0]! - exact!.losses[0]!) < 1e-12);
    assert.ok(largestGap(adapter, exact!.adapter) < 1e-6);
  }
});

/** A pull on the adapter's first factor towards zero. */
const shrink = (strength: number, key = "shrink"): ExtraLoss => ({
  key,
  tensors: { strength: hostTensor([1], Float32Array.of(strength)) },
  build({ adapter, tensors }) {
    const factor = adapter["lora.0.q.A"]!;
    return mul(sum(mul(factor, factor)), sum(tensors["strength"]!));
  },
});

Deno.test("Trainer.train() adds the extra loss, whose tensors are values and not part of the program", async () => {
  const { executor, counts } = countingExecutor(createReferenceExecutor());
  const trainer = createTrainer({ executor });
  const run = async (extraLoss: ExtraLoss) =>
    (await trainer.train(dataOf([1, 2]), { start: fresh, extraLoss }, headOf(), order())).losses[0]!;
  const squares = fresh.pairs["0.q"]!.a.data.reduce((total, value) => total + value * value, 0);
  const plain = (await train({ start: fresh })).losses[0]!;
  assert.ok(Math.abs(await run(shrink(2)) - plain - 2 * squares) < 1e-6);
  assert.ok(Math.abs(await run(shrink(0)) - plain) < 1e-12);
  assert.equal(counts.compilations, 1);
  await run(shrink(1, "another key"));
  assert.equal(counts.compilations, 2);
});

Deno.test("Trainer compiles a program once, however many tasks follow, and frees all of them", async () => {
  const { executor, counts } = countingExecutor(createReferenceExecutor());
  const trainer = createTrainer({ executor });
  const tasks = [[0, 1], [2], [3]];
  const round = async (adapters: Adapter[]) => {
    for (const [i, classes] of tasks.entries()) {
      const data = dataOf(classes);
      const frozen = frozenOf([...adapters, ...tasks.slice(0, i).map((_, j) => randomAdapter(j))]);
      await trainer.train(data, { start: fresh }, headOf(), order());
      await trainer.train(data, { start: fresh, frozen }, headOf(), order());
      await trainer.features(data.split, [0, 1, 2, 3], randomAdapter(i, { rank: 1 + i }));
      await trainer.features(data.split, [0], undefined);
      await trainer.fisher(data, [0, 1], fresh, headOf());
    }
  };
  await round([]);
  assert.equal(counts.compilations, 4);
  await round([randomAdapter(7, { rank: 4 })]);
  assert.equal(counts.compilations, 4);
  trainer.dispose();
  assert.equal(counts.disposed, 4);
});

Deno.test("Trainer.train() repeats itself, whatever was trained before", async () => {
  const trainer = createTrainer();
  const first = await trainer.train(dataOf([1, 2]), { start: fresh }, headOf(), order());
  await trainer.train(dataOf([0, 3]), { start: randomAdapter(3) }, headOf(8), order());
  assert.deepEqual(await trainer.train(dataOf([1, 2]), { start: fresh }, headOf(), order()), first);
});

Deno.test("Trainer.train() reports every step", async () => {
  const steps: number[][] = [];
  const report = (done: number, all: number) => void steps.push([done, all]);
  await createTrainer({ epochs: 2 }).train(dataOf([1, 2], 5), { start: fresh }, headOf(), order(), report);
  assert.deepEqual(steps, [[1, 4], [2, 4], [3, 4], [4, 4]]);
});

Deno.test("Trainer.train() refuses a start of another scale or rank", async () => {
  await assert.rejects(
    train({ start: { ...fresh, scale: 1 } }),
    /Cannot train an adapter of scale 1: the run has 0.5/,
  );
  await assert.rejects(train({ start: randomAdapter(0, { rank: 3 }) }), RangeError);
});

Deno.test("Trainer.train() fails by the step, for a loss and for a value after the last step", async () => {
  await assert.rejects(
    train({ start: fresh, extraLoss: shrink(Infinity) }),
    (error) => error instanceof DivergenceError && error.step === 0,
  );
  // One step, whose loss is still sound.
  const optimiser = { ...constantAdam, kind: "sgd", learningRate: 1e300 } as const;
  await assert.rejects(
    train({ start: fresh }, { optimiser }, 4),
    (error) =>
      error instanceof DivergenceError && error.step === 0 && /a weight is not finite/.test(error.message),
  );
});

/** Features, and the log-likelihood of each label among `classes`, with the adapter as a branch in the graph. */
async function inGraph(
  indices: readonly number[],
  adapter: Readonly<Record<string, ArrayLike<number>>>,
  head: LinearHead,
  classes: readonly number[],
  policy: TrainingHead = "linear",
) {
  const executor = createReferenceExecutor();
  const count = indices.length;
  const program = trace((graph) => {
    const tensors = Object.fromEntries(
      adapterTensors(tinyConfig, tinyLora).map(({ name, shape }) => [name, graph.input(name, shape)]),
    );
    const branch = branchFromTensors(tensors, tinyLora.scale);
    const images = graph.input("images", [count, 3, 8, 8]);
    const feature = vitFeature(tinyConfig, stateLookup(graph, tinyConfig), images, [branch]);
    const weight = graph.constant(head.weight.data, head.weight.shape);
    const logits = policy === "cosine"
      ? cosineHead(feature, weight, COSINE_SCALE)
      : linearHead(feature, weight, graph.constant(head.bias.data, head.bias.shape));
    const mask = graph.constant(Array.from({ length: CLASSES }, (_, c) => classes.includes(c) ? 1 : 0), [
      CLASSES,
    ]);
    graph.output("feature", feature);
    const labels = graph.input("labels", [count], "i32");
    graph.output("likelihood", neg(maskedLoss(logits, labels, mask, graph.fill(1, [count]))));
  });
  const states = Object.fromEntries(
    Object.entries(backbone.weights).map((
      [name, { shape, data }],
    ) => [name, executor.tensor({ shape, values: data })]),
  );
  const executable = await executor.compile(program, states);
  const inputs = {
    ...Object.fromEntries(Object.entries(adapter).map(([name, values]) => [name, Float64Array.from(values)])),
    images: toFloatImages(dataset.train, indices, toyPreprocessing),
    labels: Int32Array.from(indices, (i) => dataset.train.labels[i]!),
  };
  return await executable.run(inputs, ["feature", "likelihood"]);
}

const valuesOf = (adapter: Adapter) =>
  Object.fromEntries(
    Object.entries(adapterToTensors(adapter)).map(([name, { data }]) => [name, Float64Array.from(data)]),
  );

Deno.test("Trainer.features() of a folded adapter equal those of the adapter as a branch", async () => {
  const adapter = randomAdapter(4, { importance: 0.8 });
  const trainer = createTrainer();
  const indices = [5, 0, 3, 11, 6, 1, 2];
  for (const deployed of [adapter, undefined, { ...adapter, importance: 0.3 }, undefined]) {
    const found = await trainer.features(dataset.train, indices, deployed);
    const values = valuesOf(deployed ?? { ...adapter, importance: 0 });
    const { feature } = await inGraph(indices, values, headOf(), [0, 1]);
    assert.equal(found.length, indices.length * tinyConfig.width);
    found.forEach((value, i) =>
      assert.ok(Math.abs(value - feature![i]!) < 1e-5, `${i}: ${value} ${feature![i]}`)
    );
  }
});

for (const policy of ["linear", "cosine"] as const) {
  Deno.test(`Trainer.fisher() is the mean squared gradient of each image's log-likelihood (${policy})`, async () => {
    const adapter = randomAdapter(6, { importance: 0.9 });
    const head = headOf();
    const classes = [0, 1, 3];
    const data = { split: dataset.train, classes };
    const indices = [0, 1, 7];
    const trainer = createTrainer({ shape: { ...shape, head: policy } });
    const fisher = await trainer.fisher(data, indices, adapter, head);
    assert.deepEqual(Object.keys(fisher), Object.keys(adapterToTensors(adapter)));

    const step = 1e-4;
    const slope = async (index: number, name: string, at: number) => {
      const sides = [];
      for (const sign of [1, -1]) {
        const values = valuesOf(adapter);
        values[name]![at]! += sign * step;
        sides.push((await inGraph([index], values, head, classes, policy)).likelihood![0]!);
      }
      return (sides[0]! - sides[1]!) / (2 * step);
    };
    for (
      const [name, at] of [["lora.0.q.A", 3], ["lora.1.v.B", 5], ["lora.1.fc1.A", 1], [
        IMPORTANCE,
        0,
      ]] as const
    ) {
      let wanted = 0;
      for (const index of indices) {
        const gradient = await slope(index, name, at);
        wanted += gradient * gradient / indices.length;
      }
      const found = fisher[name]!.data[at]!;
      assert.ok(
        Math.abs(found - wanted) <= 1e-5 * wanted + 1e-12,
        `${name}[${at}]: ${found}, wanted ${wanted}`,
      );
      assert.ok(wanted > 0, name);
    }
  });
}
