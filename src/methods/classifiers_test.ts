/**
 * Every policy against numbers made by NumPy (`fixtures/make/classifiers.py`), and its own mechanism where there are
 * none: draws have the moments that were kept, recursion equals batch, order does not matter.
 */
import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { createRng } from "../core/rng.ts";
import { type HostTensor, hostTensor } from "../core/tensors.ts";
import { drawFeatures } from "../classifiers/alignment.ts";
import type { Classifier, ClassifierState } from "../classifiers/classifier.ts";
import { factoredRidge, identityRidge, meanShift, transported } from "../classifiers/drift.ts";
import { classifierNames, classifierOptions, createClassifier } from "../classifiers/mod.ts";
import { choosePenalty, recursion, solveRidge } from "../classifiers/ridge.ts";
import { covarianceOf, emptyStatistics, MEAN, withTask } from "../classifiers/statistics.ts";
import { createTestKit } from "./test_kit.ts";

interface Numbers {
  readonly features: number[][];
  readonly labels: number[];
  readonly queries: number[][];
  readonly after: number[][];
  readonly oldMean: number[];
  readonly hidden: number[][];
  readonly pooled: number[][];
  readonly lda: number[][];
  readonly ldaDiagonal: number[][];
  readonly fecam: number[][];
  readonly meanShift: number[];
  readonly identityRidge: number[][];
  readonly identityRidgeOfThree: number[][];
  readonly penalty: number;
  readonly ridge: number[][];
  readonly ridgeOfTenth: number[][];
}

const numbers: Numbers = JSON.parse(
  await Deno.readTextFile(new URL("../../fixtures/classifiers.json", import.meta.url)),
);
const CLASSES = 3;
const labels = Int32Array.from(numbers.labels);

function tensor(rows: readonly (readonly number[])[]) {
  return hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));
}

function close(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  assert.equal(found.length, wanted.length);
  for (let i = 0; i < found.length; i++) {
    const gap = Math.abs(found[i]! - wanted[i]!);
    assert.ok(gap <= tolerance * Math.max(1, Math.abs(wanted[i]!)), `${i}: ${found[i]}, wanted ${wanted[i]}`);
  }
}

const [features, after] = [tensor(numbers.features), tensor(numbers.after)];
const width = features.shape[1]!;

/** The state after tasks of some classes each, as if nothing moved. */
async function learn(
  policy: Classifier,
  tasks: readonly (readonly number[])[],
  rows: (task: number) => ReturnType<typeof tensor> = () => features,
): Promise<ClassifierState> {
  const kit = { ...createTestKit(), classes: CLASSES };
  let state = policy.init(CLASSES, width, createRng(0, "head"));
  for (const [index, classes] of tasks.entries()) {
    const own = numbers.labels.map((_, i) => i).filter((i) => classes.includes(numbers.labels[i]!));
    const part = (all: ReturnType<typeof tensor>) =>
      hostTensor(
        [own.length, width],
        Float32Array.from(own.flatMap((i) => [...all.data.subarray(i * width, (i + 1) * width)])),
      );
    state = await policy.finish(state, {
      index,
      classes,
      labels: Int32Array.from(own, (i) => numbers.labels[i]!),
      trained: policy.trains(state),
      features: () => Promise.resolve(part(rows(index))),
      earlier: () => Promise.resolve(part(rows(index - 1))),
    }, kit);
  }
  return state;
}

/** The state after tasks of all classes, which have so many of the images each. */
async function learnAgain(policy: Classifier, sizes: readonly number[]): Promise<ClassifierState> {
  const kit = { ...createTestKit({ classesReturn: true }), classes: CLASSES };
  let state = policy.init(CLASSES, width, createRng(0, "head"));
  let first = 0;
  for (const [index, size] of sizes.entries()) {
    const part = features.data.slice(first * width, (first + size) * width);
    const rows = () => Promise.resolve(hostTensor([size, width], part));
    state = await policy.finish(state, {
      index,
      classes: [2, 0, 1],
      labels: labels.slice(first, first + size),
      trained: policy.trains(state),
      features: rows,
      earlier: rows,
    }, kit);
    first += size;
  }
  return state;
}

async function scoresOf(policy: Classifier, state: ClassifierState, queries = numbers.queries) {
  const { fixed, scores } = policy.scorer(state);
  const { data } = await createTestKit().map(
    { fixed, output: (env) => scores(env.rows()["feature"]!, env.fixed) },
    { count: queries.length, columns: { feature: tensor(queries) } },
  );
  return data;
}

const splits = [[[0, 1, 2]], [[2], [0], [1]], [[1, 0], [2]]];

for (const name of ["lda", "fecam"] as const) {
  Deno.test(`${name} scores as NumPy does, whatever the tasks`, async () => {
    const policy = createClassifier(name);
    for (const tasks of splits) {
      close(await scoresOf(policy, await learn(policy, tasks)), numbers[name].flat(), 1e-4);
    }
  });

  Deno.test(`${name} scores as NumPy does where classes come back, one of them not in every task`, async () => {
    const policy = createClassifier(name);
    for (const sizes of [[9, 9], [2, 10, 1, 5]]) {
      close(await scoresOf(policy, await learnAgain(policy, sizes)), numbers[name].flat(), 1e-4);
    }
  });
}

Deno.test("lda shrinks towards the diagonal as NumPy does", async () => {
  const policy = createClassifier("lda", { shrinkage: 0.3, shrinkTarget: "diagonal" });
  close(await scoresOf(policy, await learn(policy, [[1, 0], [2]])), numbers.ldaDiagonal.flat(), 1e-4);
});

for (const drift of ["none", "mean-shift"] as const) {
  Deno.test(`ncm with drift ${drift} has the means of all images where classes come back`, async () => {
    const policy = createClassifier("ncm", { drift });
    const once = await learnAgain(policy, [18]);
    const again = await learnAgain(policy, [5, 1, 12]);
    assert.deepEqual([...again["head.count"]!.data], [6, 6, 6]);
    const name = drift === "none" ? "head.weight" : MEAN;
    const wanted = [0, 1, 2].flatMap((label) => {
      const own = numbers.features.filter((_, i) => numbers.labels[i] === label);
      return own[0]!.map((_, i) => own.reduce((sum, row) => sum + row[i]!, 0) / own.length);
    });
    close(once[name]!.data, wanted, 1e-6);
    close(again[name]!.data, wanted, 1e-6);
    assert.equal(policy.bytes(again, 3), 4 * 3 * (width + 1));
  });
}

Deno.test("covarianceOf() of a class that came back is that of all its images", async () => {
  const policy = createClassifier("alignment", { alignSamples: 1, alignEpochs: 1 });
  const [once, again] = [await learnAgain(policy, [18]), await learnAgain(policy, [4, 14])];
  for (const label of [0, 1, 2]) close(covarianceOf(again, label), covarianceOf(once, label), 1e-5);
});

Deno.test("acil solves as NumPy does where classes come back", async () => {
  const policy = createClassifier("acil", { randomFeatures: 6, penalty: 0.1 });
  const scores = async (sizes: readonly number[]) => await scoresOf(policy, await learnAgain(policy, sizes));
  close(await scores([3, 8, 7]), await scores([18]), 1e-4);
});

Deno.test("covarianceOf() pools within classes", () => {
  const statistics = withTask(emptyStatistics(CLASSES, width, "shared"), features.data, labels, [0, 1, 2]);
  close(covarianceOf(statistics, 0), numbers.pooled.flat(), 1e-6);
});

Deno.test("ridge chooses its penalty and solves as NumPy does", () => {
  const hidden = new Matrix(numbers.hidden);
  const wanted = new Matrix(numbers.labels.map((label) => [0, 1, 2].map((c) => c === label ? 1 : 0)));
  assert.equal(choosePenalty(hidden, wanted), numbers.penalty);
  const solved = (penalty: number) =>
    solveRidge(hidden.transpose().mmul(hidden), hidden.transpose().mmul(wanted), penalty).to1DArray();
  close(solved(numbers.penalty), numbers.ridge.flat(), 1e-9);
  close(solved(0.1), numbers.ridgeOfTenth.flat(), 1e-9);
});

Deno.test("choosePenalty() holds images of every class out, however the data set goes round its classes", () => {
  // Five classes in turn: every fifth image is of one class.
  const rows = Array.from(
    { length: 50 },
    (_, i) => [0, 1, 2, 3, 4].map((c) => (c === i % 5 ? 3 : 0) + Math.sin(7 * i + c)),
  );
  const turns = Array.from({ length: 50 }, (_, i) => i);
  const blocks = turns.toSorted((a, b) => a % 5 - b % 5);
  const chosen = (order: readonly number[]) =>
    choosePenalty(
      new Matrix(order.map((i) => rows[i]!)),
      new Matrix(order.map((i) => [0, 1, 2, 3, 4].map((c) => c === i % 5 ? 1 : 0))),
    );
  assert.equal(chosen(turns), chosen(blocks));
  assert.ok(chosen(turns) < 100, `${chosen(turns)}`);
});

Deno.test("recursion over parts, in any order, equals the batch", () => {
  const hidden = new Matrix(numbers.hidden);
  const wanted = new Matrix(numbers.labels.map((label) => [0, 1, 2].map((c) => c === label ? 1 : 0)));
  const rows = (some: number[], of: Matrix) => of.selection(some, [...Array(of.columns).keys()]);
  for (
    const parts of [[[0, 1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12], [13, 14, 15, 16, 17]], [[9, 17, 3], [1], [
      16,
      15,
      14,
      13,
      12,
      11,
      10,
      8,
      7,
      6,
      5,
      4,
      2,
      0,
    ]]]
  ) {
    let now = { r: Matrix.eye(6).mul(10), w: Matrix.zeros(6, CLASSES) };
    for (const part of parts) now = recursion(now.r, now.w, rows(part, hidden), rows(part, wanted));
    close(now.w.to1DArray(), numbers.ridgeOfTenth.flat(), 1e-8);
  }
});

for (const name of ["ridge", "acil"] as const) {
  Deno.test(`${name} learns the same classes in any order${name === "acil" ? "" : ", at one penalty"}`, async () => {
    const policy = createClassifier(name, { randomFeatures: 12 });
    const [whole, ...others] = await Promise.all(splits.map((tasks) => learn(policy, tasks)));
    const kept = name === "acil" ? "head.solution" : "head.gram";
    for (const other of others) close(other[kept]!.data, whole![kept]!.data, 1e-3);
    const scores = await scoresOf(policy, whole!, numbers.features);
    const hits = numbers.labels.filter((label, i) => {
      const own = [...scores.subarray(i * CLASSES, (i + 1) * CLASSES)];
      return own.indexOf(Math.max(...own)) === label;
    });
    assert.ok(hits.length >= 13, `${hits.length} of ${labels.length}`);
  });
}

Deno.test("meanShift() weighs near images more, as NumPy does", () => {
  close(meanShift(numbers.oldMean, features, after), numbers.meanShift, 1e-5);
});

Deno.test("identityRidge() is the anchored least squares of NumPy, and moves means and covariances", () => {
  const map = identityRidge(features, after);
  close(map.to1DArray(), numbers.identityRidge.flat(), 1e-6);
  const before = withTask(emptyStatistics(CLASSES, width, "class"), features.data, labels, [0, 1, 2]);
  const moved = transported(before, "identity-ridge", features, after);
  const mean = new Matrix([[...before[MEAN]!.data.subarray(width, 2 * width)]]).mmul(map.transpose());
  close(moved[MEAN]!.data.subarray(width, 2 * width), mean.to1DArray(), 1e-6);
  const covariance = Matrix.from1DArray(width, width, covarianceOf(before, 1));
  close(covarianceOf(moved, 1), map.mmul(covariance).mmul(map.transpose()).to1DArray(), 1e-5);
});

Deno.test("of fewer images than features the same map is factored, and moves means and covariances alike", () => {
  const few = (all: typeof features) => hostTensor([3, width], all.data.slice(0, 3 * width));
  const map = identityRidge(few(features), few(after));
  close(map.to1DArray(), numbers.identityRidgeOfThree.flat(), 1e-6);
  const factored = factoredRidge(few(features), few(after));
  const rows = tensor(numbers.queries);
  const means = Matrix.from1DArray(rows.shape[0]!, width, rows.data);
  close(factored.means(means).to1DArray(), means.mmul(map.transpose()).to1DArray(), 1e-9);
  const square = means.transpose().mmul(means);
  close(factored.scatter(square).to1DArray(), map.mmul(square).mmul(map.transpose()).to1DArray(), 1e-9);
});

Deno.test("statistics move by what further images tell, where there are some", async () => {
  const policy = createClassifier("lda", { drift: "identity-ridge" });
  const kit = createTestKit();
  const rng = createRng(0, "evidence");
  const draw = (count: number) =>
    hostTensor([count, 4], Float32Array.from({ length: count * 4 }, () => 1 + rng.normal()));
  const doubled = ({ shape, data }: HostTensor) => hostTensor(shape, data.map((value) => 2 * value));
  const learn = async (evidence: boolean) => {
    const first = draw(8);
    const labels = (from: number) => Int32Array.from({ length: 8 }, (_, i) => from + i % 2);
    const of = (features: HostTensor, earlier: HostTensor) => ({
      features: () => Promise.resolve(features),
      earlier: () => Promise.resolve(earlier),
    });
    const one = await policy.finish(policy.init(6, 4, rng), {
      index: 0,
      classes: [0, 1],
      labels: labels(0),
      trained: {},
      ...of(first, first),
    }, kit);
    const still = draw(8);
    const many = draw(200);
    const two = await policy.finish(one, {
      index: 1,
      classes: [2, 3],
      labels: labels(2),
      trained: {},
      ...of(still, still),
      ...(evidence && { evidence: of(doubled(many), many) }),
    }, kit);
    return two[MEAN]!.data.subarray(0, 4).map((value, i) => value / one[MEAN]!.data[i]!);
  };
  assert.ok((await learn(true)).every((ratio) => Math.abs(ratio - 2) < 0.1));
  assert.ok((await learn(false)).every((ratio) => Math.abs(ratio - 1) < 1e-5));
});

Deno.test("drift maps leave everything where it is if nothing moved", () => {
  const before = withTask(emptyStatistics(CLASSES, width, "class"), features.data, labels, [0, 1, 2]);
  for (const kind of ["mean-shift", "identity-ridge"] as const) {
    const { [MEAN]: mean } = transported(before, kind, features, features);
    close(mean!.data, before[MEAN]!.data, 1e-5);
  }
});

for (const name of classifierNames.filter((name) => classifierOptions(name).includes("drift"))) {
  Deno.test(`${name} follows a shift of all features only with a drift map`, async () => {
    const away = (task: number) => hostTensor(features.shape, features.data.map((value) => value + 5 * task));
    const tasks = [[0, 1], [2]];
    const meanOf = async (drift: "none" | "mean-shift") => {
      const state = await learn(
        createClassifier(name, { drift, alignEpochs: 1, alignSamples: 4 }),
        tasks,
        away,
      );
      return (state[MEAN] ?? state["head.weight"])!.data.slice(0, width);
    };
    const still = await meanOf("none");
    const moved = await meanOf("mean-shift");
    if (name === "fecam") assert.notDeepEqual(moved, still);
    else close(moved, still.map((value) => value + 5), 1e-5);
  });
}

Deno.test("drawFeatures() has the means and covariances that were kept", () => {
  const statistics = withTask(emptyStatistics(CLASSES, width, "class"), features.data, labels, [0, 2]);
  const count = 20_000;
  const { columns } = drawFeatures(statistics, count, createRng(0, "draws"));
  const drawn = (columns!["feature"] as ReturnType<typeof tensor>).data;
  assert.deepEqual([...new Set(columns!["label"] as Int32Array)], [0, 2]);
  for (const [place, label] of [0, 2].entries()) {
    const own = drawn.subarray(place * count * width, (place + 1) * count * width);
    const again = withTask(emptyStatistics(CLASSES, width, "class"), own, new Int32Array(count).fill(label), [
      label,
    ]);
    const spread = Math.sqrt(Math.max(...covarianceOf(statistics, label)));
    const at = label * width;
    close(
      again[MEAN]!.data.subarray(at, at + width),
      statistics[MEAN]!.data.subarray(at, at + width),
      0.05 * spread,
    );
    // 0.05 of each covariance is the identity's.
    const gaps = covarianceOf(again, label).map((value, i) => value - covarianceOf(statistics, label)[i]!);
    assert.ok(gaps.every((gap) => Math.abs(gap) < 0.12 * spread ** 2), `${gaps}`);
  }
});

Deno.test("alignment tells classes apart that never met in one loss", async () => {
  const policy = createClassifier("alignment", { alignEpochs: 20, alignSamples: 24 });
  const state = await learn(policy, [[0], [1], [2]]);
  const scores = await scoresOf(policy, state, numbers.features);
  const hits = numbers.labels.filter((label, i) => {
    const own = [...scores.subarray(i * CLASSES, (i + 1) * CLASSES)];
    return own.indexOf(Math.max(...own)) === label;
  });
  assert.ok(hits.length >= 12, `${hits.length} of ${labels.length}`);
});

Deno.test("classifiers name everything that they keep and score with head.…", async () => {
  for (const name of classifierNames) {
    const policy = createClassifier(name, { randomFeatures: 6, alignSamples: 4, alignEpochs: 1 });
    const state = await learn(policy, [[0, 1], [2]]);
    for (const part of [state, policy.scorer(state).fixed, policy.trains(state)]) {
      assert.ok(Object.keys(part).every((key) => key.startsWith("head.")), `${Object.keys(part)}`);
    }
    assert.ok(policy.bytes(state, 2) < policy.bytes(state, 3) && policy.bytes(state, 2) > 0);
    assert.equal(policy.kind, name);
  }
});
