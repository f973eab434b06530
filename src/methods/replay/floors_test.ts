import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { solveRidge } from "../../classifiers/ridge.ts";
import { emptyStatistics, SCATTER, withTask } from "../../classifiers/statistics.ts";
import type { ClassifierState, TaskFeatures } from "../../classifiers/classifier.ts";
import { createRng } from "../../core/rng.ts";
import type { StateValue } from "../../core/state.ts";
import { type HostTensor, hostTensor } from "../../core/tensors.ts";
import { imageTable } from "../../train/table.ts";
import { predict } from "../../train/predict.ts";
import type { AdapterMethodState } from "../adapter_method.ts";
import type { Method, TaskView } from "../method.ts";
import { createMethod } from "../mod.ts";
import { CLASSES, createTestEngine, createTestKit, runMethod, testTask, tinyConfig } from "../test_kit.ts";
import { discriminants, fourierLda, kernelScale, oasShrinkage } from "./fourier_lda.ts";
import { layersPass, type LayupState } from "./layup.ts";
import { plainRidge } from "./plain_ridge.ts";
import { assertNear, expected, rowsTensor } from "./test_graph.ts";

Deno.test("oasShrinkage() is scikit-learn's, and all of it where nothing scatters", () => {
  const { covariance, shrinkage } = expected.lda;
  assertNear([oasShrinkage(new Matrix(covariance), 24)], [shrinkage], 1e-12);
  assert.equal(oasShrinkage(Matrix.zeros(3, 3), 2), 1);
  assert.equal(oasShrinkage(Matrix.eye(3), 2), 1);
});

Deno.test("discriminants() are NumPy's, with priors by frequency, and unknown classes never win", () => {
  const { x, labels, covariance, weights, bias } = expected.lda;
  const statistics = withTask(emptyStatistics(4, 4, "shared"), rowsTensor(x).data, labels, [0, 1, 2]);
  assertNear(statistics[SCATTER]!.data, covariance.flat().map((value: number) => 24 * value), 1e-4);
  const found = discriminants(statistics);
  const scale = Math.max(...weights.flat().map(Math.abs));
  assertNear(found.rows.data.subarray(0, 12), weights.flat(), 1e-5 * scale);
  assertNear(found.bias.data.subarray(0, 3), bias, 1e-4 * scale);
  assert.ok(found.bias.data[3]! < -1e29);
});

Deno.test("randumb's kernel has γ = 1 / (width · variance) of the first task, and keeps its map", async () => {
  assertNear([kernelScale(hostTensor([2, 2], Float32Array.of(1, 2, 3, 4)))], [1 / (2 * 1.25)]);
  assert.equal(kernelScale(hostTensor([1, 2], Float32Array.of(5, 5))), 1);
  const policy = fourierLda({ features: 6 });
  const fresh = policy.init(4, 2, createRng(0, "head"));
  const kit = createTestKit();
  const taskOf = (classes: number[], features: HostTensor): TaskFeatures => ({
    index: 0,
    classes,
    labels: Int32Array.from(classes),
    trained: {},
    features: () => Promise.resolve(features),
    earlier: () => Promise.reject(new Error("there is none")),
  });
  const first = await policy.finish(fresh, taskOf([0, 1], rowsTensor([[1, 2], [3, 4]])), kit);
  const scale = Math.sqrt(2 / (2 * 1.25));
  assertNear(
    first["head.fourier.weight"]!.data,
    fresh["head.fourier.weight"]!.data.map((value) => scale * value),
  );
  const second = await policy.finish(first, taskOf([2, 3], rowsTensor([[9, 2], [30, 4]])), kit);
  assert.deepEqual(second["head.fourier.weight"], first["head.fourier.weight"]);
  assert.deepEqual([...second["head.count"]!.data], [1, 1, 1, 1]);
});

Deno.test("plainRidge is NumPy's solution of all tasks together, at the penalty of the last", async () => {
  const { x, labels, penalty, weights } = expected.ridge;
  const [data, y] = [new Matrix(x), Matrix.zeros(14, 4)];
  labels.forEach((label: number, row: number) => y.set(row, label, 1));
  const direct = solveRidge(data.transpose().mmul(data), data.transpose().mmul(y), penalty);
  assertNear(direct.to1DArray(), weights.flat(), 1e-9);

  const kit = { ...createTestKit(), classes: 4 };
  let state: ClassifierState = plainRidge.init(4, 5, createRng(0, "head"));
  for (const [from, to] of [[0, 8], [8, 14]] as const) {
    state = await plainRidge.finish(state, {
      index: 0,
      classes: [...new Set<number>(labels.slice(from, to))],
      labels: Int32Array.from(labels.slice(from, to)),
      trained: {},
      features: () => Promise.resolve(rowsTensor(x.slice(from, to))),
      earlier: () => Promise.reject(new Error("there is none")),
    }, kit);
  }
  assertNear(state["head.gram"]!.data, data.transpose().mmul(data).to1DArray(), 1e-5);
  // Whichever penalty the last task chose, the rows solve its equation.
  const rows = new Matrix(
    Array.from({ length: 4 }, (_, c) => [...state["head.rows"]!.data.subarray(5 * c, 5 * c + 5)]),
  );
  const gap = Matrix.sub(data.transpose().mmul(y), data.transpose().mmul(data).mmul(rows.transpose()));
  const ratios = gap.to1DArray().map((value, i) => value / rows.transpose().to1DArray()[i]!);
  const chosen = 10 ** Math.round(Math.log10(ratios[0]!));
  assertNear(ratios.map((value) => value / chosen), ratios.map(() => 1), 1e-2);
});

Deno.test("plainRidge has a solution where sums have fewer images than features", async () => {
  const width = 40;
  const kit = { ...createTestKit(), classes: 6 };
  const rng = createRng(3, "features");
  let state: ClassifierState = plainRidge.init(6, width, createRng(0, "head"));
  for (const classes of [[0, 1], [2, 3], [4, 5]]) {
    // Two images a class that differ little, as large as features of a backbone: penalties are chosen small.
    const means = classes.map(() => Array.from({ length: width }, () => 30 * rng.normal()));
    const rows = means.flatMap((mean) =>
      [0, 1, 2].map(() => mean.map((value) => value + 1e-3 * rng.normal()))
    );
    state = await plainRidge.finish(state, {
      index: 0,
      classes,
      labels: Int32Array.from(classes.flatMap((label) => [label, label, label])),
      trained: {},
      features: () => Promise.resolve(rowsTensor(rows)),
      earlier: () => Promise.reject(new Error("there is none")),
    }, kit);
  }
  assert.ok(state["head.rows"]!.data.every(Number.isFinite));
});

const really = { train: "really", taskOf: (index: number) => testTask(index, 6) } as const;

/** Learns tasks in an order, each known by its own index. */
async function learnInOrder(method: Method, order: readonly number[]): Promise<StateValue> {
  const kit = createTestKit();
  let state = method.init(kit);
  for (const index of order) state = await method.learn(state, testTask(index, 6), kit);
  return state;
}

Deno.test("acil has the same weights whatever the order of tasks, and those of one task with all images", async () => {
  const method = createMethod("acil:features=12,gamma=0.5");
  const solutionOf = (state: StateValue) =>
    (state as AdapterMethodState<null>).classifier["head.solution"]!.data;
  const wanted = solutionOf(await learnInOrder(method, [0, 1, 2, 3]));
  const others = [[3, 1, 0, 2], [2, 3, 1, 0]];
  for (const order of others) assertNear(solutionOf(await learnInOrder(method, order)), wanted, 1e-4);
  const tasks = [0, 1, 2, 3].map((index) => testTask(index, 6));
  const whole: TaskView = {
    index: 0,
    classes: tasks.flatMap(({ classes }) => classes),
    lossClasses: tasks.flatMap(({ classes }) => classes),
    train: {
      images: Uint8Array.from(tasks.flatMap(({ train }) => [...train.images])),
      labels: Int32Array.from(tasks.flatMap(({ train }) => [...train.labels])),
      count: 24,
    },
  };
  const kit = createTestKit();
  const batch = await method.learn(method.init(kit), whole, kit);
  assertNear(solutionOf(batch), wanted, 1e-4);
  assert.ok(wanted.some((value) => Math.abs(value) > 0.01));
});

Deno.test("ranpac trains on the first task alone, and deploys that adapter under a ridge", async () => {
  const { trained, deployed, states } = await runMethod(createMethod("ranpac:features=12"), {
    ...really,
    tasks: 3,
  });
  assert.equal(trained.length, 1);
  assert.deepEqual(deployed, trained[0]);
  const { classifier } = states[3] as AdapterMethodState<null>;
  const sums = classifier["head.sums"]!;
  const seen = (label: number) => sums.data.some((value, i) => i % CLASSES === label && value !== 0);
  assert.deepEqual([0, 3, 5, 6].map(seen), [true, true, true, false]);
  const naive = await runMethod(createMethod("naive"), { ...really, tasks: 1 });
  assert.deepEqual(Object.keys(naive.deployed!.pairs), Object.keys(deployed!.pairs));
  const bare = await runMethod(createMethod("ranpac:features=12,adapt=false"), { ...really, tasks: 2 });
  assert.deepEqual([bare.trained.length, bare.deployed], [0, undefined]);
});

Deno.test("layup reads the tokens that the last blocks gave, the feature last", async () => {
  const engine = createTestEngine();
  const kit = createTestKit({ engine });
  const images = imageTable(testTask(0, 3).train);
  const { width } = tinyConfig;
  const all = await kit.map(layersPass(null, 6, kit), images);
  // Two blocks: what the first gave, as the second reads it, and the feature.
  assert.deepEqual(all.shape, [3, 2 * width]);
  const one = await kit.map(layersPass(null, 1, kit), images);
  assert.deepEqual(one.shape, [3, width]);
  const feature = await kit.map({ output: (env) => env.encode(env.rows().images).feature }, images);
  const read = await kit.map({
    output(env) {
      const tokens = env.encode(env.rows().images).input("1.q");
      return env.graph.make("reshape", { shape: [tokens.shape[0]!, tokens.shape[1]! * width] }, [tokens]);
    },
  }, images);
  for (let row = 0; row < 3; row++) {
    const own = all.data.subarray(row * 2 * width, (row + 1) * 2 * width);
    assertNear(
      own.subarray(0, width),
      read.data.subarray(row * read.shape[1]!, row * read.shape[1]! + width),
      1e-6,
    );
    assertNear(own.subarray(width), feature.data.subarray(row * width, (row + 1) * width), 1e-6);
  }
  assertNear(one.data, feature.data, 1e-6);

  const { states, predictor, trained } = await runMethod(createMethod("layup"), {
    ...really,
    tasks: 2,
    engine,
  });
  assert.equal(trained.length, 1);
  assert.deepEqual((states[2] as LayupState).adapter, trained[0]);
  const scores = await predict(engine, predictor, images);
  const rows = (states[2] as LayupState).classifier["head.rows"]!.data;
  const features = await kit.map(layersPass(trained[0]!, 6, kit), images);
  const wanted = Array.from({ length: 2 * width }, (_, i) => features.data[i]! * rows[i]!).reduce((a, b) =>
    a + b
  );
  assertNear(scores.data.subarray(0, 1), [wanted], 1e-4);
  await engine.dispose();
});
