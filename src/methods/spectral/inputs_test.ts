import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { composeDelta } from "../../merge/delta.ts";
import { alternate, divideByGram, shrinkGram } from "../../merge/regmean.ts";
import { type Factors, factorsAt, toMatrix } from "../../merge/spectrum.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import { adapterToTensors } from "../../nn/adapter.ts";
import { branchFromTensors } from "../../nn/lora.ts";
import { reshape } from "../../graph/functions.ts";
import { imageTable } from "../../train/table.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, randomStep, runMethod, testTask, tinyConfig, tinyLora } from "../test_kit.ts";
import { addTask, sumsBySite } from "./gram_sums.ts";
import { inputGrams, inputSites } from "./input_grams.ts";
import { assertClose, expected, givenAdapters, runGiven } from "./test_expected.ts";

const grams = expected.inputs.grams.map((values) => toMatrix(values, 8, 8));
const site = "1.fc1";
const updates = grams.map((_, t) => factorsAt(givenAdapters[t]!, site));
const deltas = updates.map(({ left, right }) => left.mmul(right));
const total = grams.reduce((sum, gram) => Matrix.add(sum, gram));
const numeratorOf = (grams: readonly Matrix[]) =>
  grams.map((gram, t) => deltas[t]!.mmul(gram)).reduce((sum, part) => Matrix.add(sum, part));

/** Σ ‖(W - ΔW_t) X_t‖², from the Gram matrices. */
function error(weight: Matrix): number {
  return grams.reduce((sum, gram, t) => {
    const off = Matrix.sub(weight, deltas[t]!);
    return sum + off.mmul(gram).mmul(off.transpose()).trace();
  }, 0);
}

Deno.test("regmean's closed form is the least-squares solution over the inputs themselves", () => {
  const found = divideByGram(numeratorOf(grams), total);
  assertClose(found.to1DArray(), expected.inputs.best, 1e-10, "W");
  const shrunk = grams.map((gram) => shrinkGram(gram, 0.9));
  const weight = divideByGram(numeratorOf(shrunk), shrunk.reduce((sum, gram) => Matrix.add(sum, gram)));
  assertClose(weight.to1DArray(), expected.inputs.shrunk, 1e-10, "W at α = 0.9");
});

Deno.test("divideByGram() is the pseudo-inverse where a Gram matrix is singular", () => {
  const x = new Matrix([[1, 2, 2], [2, 4, 4]]);
  const gram = x.transpose().mmul(x);
  // G = 45 q qᵀ with q = (1, 2, 2) / 3, so E G⁺ = E q qᵀ / 45.
  const found = divideByGram(new Matrix([[9, 0, 0]]), gram).to1DArray();
  assertClose(found, [1 / 45, 2 / 45, 2 / 45], 1e-12, "E G⁺");
  assert.equal(divideByGram(new Matrix([[1, 2]]), Matrix.zeros(2, 2)).norm(), 0);
});

Deno.test("lorm's alternation never grows the error and ends at NumPy's best map of its rank", () => {
  let factors: Factors = updates[0]!;
  let last = error(deltas[0]!);
  for (let round = 0; round < 300; round++) {
    factors = alternate(numeratorOf(grams), total, factors, 1);
    const now = error(factors.left.mmul(factors.right));
    assert.ok(now <= last * (1 + 1e-9), `${now} after ${last}`);
    last = now;
  }
  assertClose([last], [expected.inputs.leastOfRank2], 1e-9, "error");
  assertClose(factors.left.mmul(factors.right).to1DArray(), expected.inputs.bestOfRank2, 1e-4, "B A");
});

Deno.test("lorm is regmean where the rank suffices", () => {
  const full = { left: numeratorOf(grams), right: Matrix.eye(8) };
  const { left, right } = alternate(numeratorOf(grams), total, full, 1);
  assertClose(left.mmul(right).to1DArray(), expected.inputs.best, 1e-8, "W");
});

Deno.test("inputGrams() sums what the projections read under the task's own adapter", async () => {
  const kit = createTestKit();
  const task = testTask(0, 5);
  const adapter = givenAdapters[0]!;
  const found = await inputGrams(kit, task, adapter);
  assert.deepEqual([...inputSites(kit)], [
    ["0.q", "0.q"],
    ["0.v", "0.q"],
    ["0.fc1", "0.fc1"],
    ["1.q", "1.q"],
    ["1.v", "1.q"],
    ["1.fc1", "1.fc1"],
  ]);
  assert.deepEqual([...found.keys()], ["0.q", "0.fc1", "1.q", "1.fc1"]);
  for (const [site, gram] of found) {
    // By another way: the adapter as a branch, the inputs image by image.
    const inputs = await kit.map({
      fixed: adapterToTensors(adapter),
      output({ encode, rows, fixed }) {
        const encoded = encode(rows().images, { branches: [branchFromTensors(fixed, tinyLora.scale)] });
        const x = encoded.input(site);
        return reshape(x, [x.shape[0]!, x.shape[1]! * x.shape[2]!]);
      },
    }, imageTable(task.train));
    const tokens = inputs.shape[1]! / tinyConfig.width;
    const x = toMatrix(inputs.data, 5 * tokens, tinyConfig.width);
    const wanted = x.transpose().mmul(x).mul(1 / tokens);
    assertClose(gram.to1DArray(), wanted.to1DArray(), 1e-5, site);
  }
});

Deno.test("regmean deploys the solution of its running sums, and one task's update as it is", async () => {
  for (const spec of ["regmean", "lorm"]) {
    const { deployed } = await runGiven(spec, 1);
    assert.ok(deltaError(deployed!, (site) => composeDelta(givenAdapters[0]!, site)) < 1e-5, spec);
  }
  const { deployed, trained } = await runMethod(createMethod("regmean:offDiagonal=0.8"), {
    tasks: 3,
    train: randomStep(),
    taskOf: (index) => testTask(index, 8),
  });
  const kit = createTestKit();
  let sums = null;
  for (const [t, adapter] of trained.entries()) {
    sums = await addTask(sums, kit, testTask(t, 8), adapter, 0.8);
  }
  for (const [site, { numerator, gram }] of sumsBySite(sums!, kit)) {
    const weight = divideByGram(numerator, gram).to1DArray();
    assertClose(composeDelta(deployed!, site), weight, 1e-6, site);
  }
  // It is no plain mean.
  const mean = (site: string) => weightedDelta(trained, [1 / 3, 1 / 3, 1 / 3], site);
  assert.ok(deltaError(deployed!, mean) > 0.05);
});

Deno.test("lorm stays at the run's rank and between its tasks", async () => {
  const { deployed, trained } = await runMethod(createMethod("lorm:rounds=50"), {
    tasks: 4,
    taskOf: (index) => testTask(index, 8),
  });
  for (const { a } of Object.values(deployed!.pairs)) assert.equal(a.shape[0], tinyLora.rank);
  const whole = await runMethod(createMethod("regmean"), {
    tasks: 4,
    taskOf: (index) => testTask(index, 8),
  });
  assert.deepEqual(whole.trained, trained);
  const off = deltaError(deployed!, (site) => composeDelta(whole.deployed!, site));
  assert.ok(off > 0.05 && off < 1, `${off}`);
});
