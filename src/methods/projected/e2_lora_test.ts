import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import type { StateValue } from "../../core/state.ts";
import { narrow } from "../../graph/functions.ts";
import { composeDelta } from "../../merge/delta.ts";
import { imageTable } from "../../train/table.ts";
import type { Env } from "../method.ts";
import { createMethod } from "../mod.ts";
import { matrixOf } from "../pieces/linear_algebra.ts";
import { createTestKit, runMethod, testTask } from "../test_kit.ts";
import { type E2State, firstColumns, freedColumns, keptCounts, turnedColumns } from "./e2_lora.ts";
import { assertClose, numbers } from "./test_numbers.ts";

const { covariance, update, energies, leading, count, rows, seconds, ratio, spectra, kept } = numbers.e2;

function assertOrthonormal(matrix: Matrix): void {
  assertClose(matrix.transpose().mmul(matrix).to1DArray(), Matrix.eye(matrix.columns).to1DArray(), 1e-6);
}

Deno.test("keptCounts() finds the threshold that the loop of the code finds", () => {
  kept.forEach((wanted, task) => {
    const own = spectra.slice(0, task + 1);
    const totals = own.map((values) => values.reduce((sum, value) => sum + value, 0));
    assert.deepEqual(keptCounts(own, totals, 10), wanted);
  });
});

Deno.test("keptCounts() gives nothing to tasks that moved nothing, and takes from the poorest where there is too little", () => {
  assert.deepEqual(keptCounts([[3, 1], [0, 0]], [4, 0], 12), [2, 0]);
  const many = Array.from({ length: 9 }, (_, task) => [1 + task]);
  assert.deepEqual(keptCounts(many, many.map(([value]) => value!), 8), [0, 0, 1, 1, 1, 1, 1, 1, 1]);
});

Deno.test("e2-lora's first columns are the principal directions of the drift, and its later ones turn freed ones", () => {
  const first = firstColumns(new Matrix(update), new Matrix(covariance));
  assertClose(Array.from(first.energy, (value) => value * ratio), energies, 1e-5);
  assertOrthonormal(matrixOf(first.b));
  assertClose(matrixOf(first.b).mmul(matrixOf(first.a)).to1DArray(), update.flat());
  const freed = freedColumns(first);
  assert.deepEqual(freed, Array.from({ length: update.length - count }, (_, i) => count + i));
  const held = matrixOf(first.b).subMatrix(0, update.length - 1, 0, count - 1);
  assertClose(held.mmul(held.transpose()).to1DArray(), leading.flat(), 1e-5);

  const next = turnedColumns(first, freed, new Matrix(rows), new Matrix(covariance));
  assertOrthonormal(matrixOf(next.b));
  assert.deepEqual([...next.owner], update.map((_, column) => column < count ? 0 : 1));
  const found = Array.from(next.energy.subarray(count), (value) => value * ratio);
  assertClose(found, seconds.slice(0, freed.length), 1e-5);
  // What the task has trained is what its columns now give; what others give has not changed.
  const part = (columns: typeof first, chosen: readonly number[]) =>
    matrixOf(columns.b).subMatrixColumn([...chosen]).mmul(matrixOf(columns.a).subMatrixRow([...chosen]));
  const trained = matrixOf(first.b).subMatrixColumn(freed).mmul(new Matrix(rows));
  assertClose(part(next, freed).to1DArray(), trained.to1DArray(), 1e-5);
  const others = Array.from({ length: count }, (_, i) => i);
  assertClose(part(next, others).to1DArray(), part(first, others).to1DArray());
});

Deno.test("e2-lora hands every task the columns that earlier ones hardly use, and keeps all of them orthonormal", async () => {
  const method = createMethod("e2-lora:rate=1");
  const { own, states } = await runMethod(method, {
    tasks: 4,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
  for (let task = 0; task < 4; task++) {
    const { columns } = own[task + 1] as E2State;
    const { adapter } = (await method.deploy(states[task + 1]!, createTestKit())).merged!;
    for (const [site, { a, b, owner, totals }] of Object.entries(columns!)) {
      assertOrthonormal(matrixOf(b));
      assert.equal(totals.length, task + 1);
      const share = owner.filter((other) => other === task).length / owner.length;
      assert.ok(share >= 1 / (task + 1), `${share} of task ${task}`);
      assertClose(composeDelta(adapter!, site), matrixOf(b).mmul(matrixOf(a)).to1DArray());
      if (task === 0) continue;
      const before = (own[task] as E2State).columns![site]!;
      const freed = freedColumns(before);
      for (let column = 0; column < owner.length; column++) {
        if (freed.includes(column)) continue;
        assert.equal(owner[column], before.owner[column]);
        assert.deepEqual(matrixOf(a).getRow(column), matrixOf(before.a).getRow(column));
      }
    }
  }
});

Deno.test("e2-lora's distillation holds what earlier classes' logits say of the new images", async () => {
  const taskOf = (index: number) => testTask(index, 6);
  const drift = async (distillation: number) => {
    const method = createMethod(`e2-lora:rate=1,distillation=${distillation}`);
    const { states } = await runMethod(method, { tasks: 2, train: "really", taskOf });
    const kit = createTestKit();
    const head = (method.classifierOf!(states[1]!, kit)).classifier;
    const logits = async (state: StateValue) => {
      const { adapter } = (await method.deploy(state, kit)).merged!;
      const pass = {
        adapter: adapter!,
        fixed: head,
        output: (env: Env) =>
          narrow(kit.classifier.logits(env.encode(env.rows().images).feature, env.fixed), 1, 0, 2),
      };
      const { data } = await kit.map(pass, imageTable(taskOf(1).train));
      // Of two classes, the difference is all that a softmax sees.
      return Array.from({ length: data.length / 2 }, (_, i) => data[2 * i]! - data[2 * i + 1]!);
    };
    const [before, after] = [await logits(states[1]!), await logits(states[2]!)];
    return Math.hypot(...after.map((value, i) => value - before[i]!));
  };
  const [free, held] = [await drift(0), await drift(1000)];
  assert.ok(held < 0.5 * free, `${held} is not much less than ${free}`);
});
