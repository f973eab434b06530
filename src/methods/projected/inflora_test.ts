import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { createMethod } from "../mod.ts";
import { runMethod, testTask } from "../test_kit.ts";
import { designed, type InfLoraState } from "./inflora.ts";
import { inputNames } from "./inputs.ts";
import { restOf, type Span } from "./span.ts";
import { assertClose, growthOf, numbers, type Rows, shareThrough, tensor } from "./test_numbers.ts";
import { CLASSES, tinyConfig, tinyLora } from "../test_kit.ts";

const { second, span, free, beside } = numbers.inflora;
const size = second.length;

/** Rows are directions: their signs mean nothing. */
function assertDirections(found: Float32Array, wanted: Rows): void {
  wanted.forEach((row, r) => {
    const own = [...found.subarray(r * size, (r + 1) * size)];
    const sign = Math.sign(own.reduce((sum, value, i) => sum + value * row[i]!, 0));
    assertClose(own.map((value) => sign * value), row);
  });
}

Deno.test("inflora's A is the leading left singular vectors beside the span, over √3", () => {
  assertDirections(designed(new Matrix(second), Matrix.eye(size), 3).data, free);
  const old: Span = { size, keeps: "span", basis: tensor(span).data };
  assertDirections(designed(new Matrix(second), restOf(old), 3).data, beside);
});

Deno.test("inflora's A has zero rows where earlier inputs left no direction", () => {
  const rest = Matrix.zeros(size, size);
  rest.set(0, 0, 1);
  const { data } = designed(new Matrix(second), rest, 3);
  assertClose(Array.from(data.subarray(0, size), Math.abs), [1 / Math.sqrt(3), 0, 0, 0, 0, 0]);
  assert.ok(data.subarray(size).every((value) => value === 0));
});

Deno.test("inflora trains B alone, and its updates give nothing for the span of earlier inputs", async () => {
  const method = createMethod("inflora:threshold=0.6");
  const { states, own, trained } = await runMethod(method, {
    tasks: 3,
    train: "really",
    taskOf: (index) => testTask(index, 6),
  });
  assert.equal(states.length, 4);
  const names = inputNames({ config: tinyConfig, lora: tinyLora });
  let moved = 0;
  for (const task of [1, 2]) {
    const { spans } = own[task] as InfLoraState;
    for (const [site, { a }] of Object.entries(trained[task]!.pairs)) {
      const rest = restOf(spans[names[site]!]!);
      const update = growthOf(undefined, trained[task]!, site);
      const rows = Matrix.from1DArray(a.shape[0]!, a.shape[1]!, a.data);
      // A is as it was designed: rows of length 1/√3 or 0, outside of the span.
      for (const length of rows.to2DArray().map((row) => Math.hypot(...row))) {
        assert.ok(Math.abs(length - 1 / Math.sqrt(3)) < 1e-6 || length === 0, `${length}`);
      }
      if (update.norm("frobenius") === 0) continue;
      moved++;
      const within = Matrix.sub(Matrix.eye(rest.rows), rest);
      assert.ok(shareThrough(update, within) < 1e-5);
    }
  }
  assert.ok(moved >= 6, `${moved}`);
});

Deno.test("inflora's share does not rise where classes come back, of which all are seen at once", async () => {
  const spansOf = async (classes: readonly number[], classesReturn: boolean) => {
    const { own } = await runMethod(createMethod("inflora:threshold=0.6"), {
      tasks: 3,
      classesReturn,
      train: "really",
      taskOf: (index) => ({ ...testTask(index, 6), classes }),
    });
    return own.map((state) => (state as unknown as InfLoraState).spans);
  };
  const all = Array.from({ length: CLASSES }, (_, label) => label);
  const [again, none, once] = [await spansOf(all, true), await spansOf([], false), await spansOf(all, false)];
  assert.deepEqual(again, none);
  assert.notDeepEqual(again, once);
});
