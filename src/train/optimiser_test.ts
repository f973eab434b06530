import assert from "node:assert/strict";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { trace } from "../graph/graph.ts";
import {
  hyperLength,
  hyperValues,
  learningRateAt,
  type OptimiserSettings,
  optimiserStep,
  packedRows,
} from "./optimiser.ts";
import { constantAdam } from "./test_kit.ts";

function rates(settings: Partial<OptimiserSettings>, steps: number): number[] {
  const all = { ...constantAdam, learningRate: 1, ...settings };
  return Array.from({ length: steps }, (_, step) => Number(learningRateAt(all, step, steps).toFixed(6)));
}

Deno.test("learningRateAt() constant stays at the peak", () => {
  assert.deepEqual(rates({ schedule: "constant" }, 3), [1, 1, 1]);
});

Deno.test("learningRateAt() cosine starts at the peak and ends a step before zero", () => {
  assert.deepEqual(rates({ schedule: "cosine" }, 4), [1, 0.853553, 0.5, 0.146447]);
});

Deno.test("learningRateAt() warmup rises linearly and the cosine covers the rest", () => {
  assert.deepEqual(rates({ schedule: "cosine", warmup: 0.5 }, 8), [
    0.25,
    0.5,
    0.75,
    1,
    1,
    0.853553,
    0.5,
    0.146447,
  ]);
});

Deno.test("learningRateAt() one step trains at the peak", () => {
  assert.deepEqual(rates({ schedule: "cosine" }, 1), [1]);
  assert.deepEqual(rates({ schedule: "cosine", warmup: 0.9 }, 1), [1]);
});

Deno.test("hyperValues() holds the rate and the bias corrections of the step", () => {
  const [rate, first, second] = hyperValues(constantAdam, 1, 10);
  assert.equal(rate, Math.fround(0.01));
  assert.equal(first, Math.fround(1 - 0.81));
  assert.equal(second, Math.fround(1 - 0.998001));
  assert.equal(hyperLength(constantAdam), 3);
  assert.deepEqual([...hyperValues({ ...constantAdam, kind: "sgd" }, 1, 10)], [Math.fround(0.01)]);
});

/** Two parameters after some steps of equal gradients; the second has decay. */
async function run(settings: OptimiserSettings, gradients: readonly number[][]): Promise<number[][]> {
  const executor = createReferenceExecutor();
  const rows = packedRows(settings);
  const values = new Float64Array(rows * 2);
  values.set([1, -2]);
  const packed = executor.tensor({ shape: [rows, 2], values });
  const program = trace((graph) => {
    const next = optimiserStep(
      settings,
      graph.state("packed", [rows, 2]),
      graph.input("grad", [2]),
      graph.constant([0, 0.1], [2]),
      graph.input("hyper", [hyperLength(settings)]),
    );
    graph.update("packed", next);
  });
  const executable = await executor.compile(program, { packed });
  for (const [step, grad] of gradients.entries()) {
    const hyper = settings.kind === "sgd" ? [0.5] : [0.5, 1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
    await executable.run({ grad: Float64Array.from(grad), hyper: Float64Array.from(hyper) });
  }
  const result = await packed.read();
  return Array.from({ length: rows }, (_, row) => [...result.subarray(2 * row, 2 * row + 2)]);
}

function assertClose(found: readonly number[][], wanted: readonly number[][]): void {
  found.flat().forEach((value, i) => {
    assert.ok(Math.abs(value - wanted.flat()[i]!) < 1e-7, `${i}: ${value}, wanted ${wanted.flat()[i]}`);
  });
}

Deno.test("optimiserStep() AdamW equals two steps by hand", async () => {
  // Step 1: m = 0.1 g, v = 0.001 g²; corrected they are g and g², so each parameter moves by 0.5 · sign g, and the
  // second also by 0.5 · 0.1 · -2. Step 2 with g = (0, 2): m = (0.09·2, 0.09·-4 + 0.2), corrected by 1 - 0.81.
  const two = await run(constantAdam, [[2, -4], [0, 2]]);
  const first = [1 - 0.5, -2 + 0.5 + 0.1];
  const m = [0.9 * 0.2, 0.9 * -0.4 + 0.1 * 2];
  const v = [0.999 * 0.004, 0.999 * 0.016 + 0.001 * 4];
  const direction = m.map((value, i) => value / 0.19 / Math.sqrt(v[i]! / 0.001999));
  assertClose(two, [
    [first[0]! - 0.5 * direction[0]!, first[1]! - 0.5 * (direction[1]! + 0.1 * first[1]!)],
    m,
    v,
  ]);
});

Deno.test("optimiserStep() SGD keeps momentum and counts decay as gradient", async () => {
  // Velocities: (2, -4 - 0.2) = (2, -4.2), then (1.8, -3.78 + 2 + 0.1 · 0.1) = (1.8, -1.77).
  const two = await run({ ...constantAdam, kind: "sgd" }, [[2, -4], [0, 2]]);
  assertClose(two, [[1 - 1 - 0.9, -2 + 2.1 + 0.885], [1.8, -1.77]]);
});
