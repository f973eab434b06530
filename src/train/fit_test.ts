import assert from "node:assert/strict";
import { DivergenceError } from "../core/errors.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { matmul, mul, reshape, sub, sum } from "../graph/functions.ts";
import { createPacking } from "../nn/packing.ts";
import { checkFinite, fit, type FitOptions } from "./fit.ts";
import { createOptimiser } from "./optimisers/settings.ts";
import { LOSS_RING, packedRows, traceStep } from "./step.ts";
import { constantAdam } from "./test_kit.ts";

const schedule = { ...constantAdam, learningRate: 0.1, schedule: "cosine" } as const;
const optimiser = createOptimiser(schedule);
const xs = [[1, 2, 0], [0, 1, -1], [2, 0, 1], [1, -1, 3]];
const truth = [0.5, -1, 2];

/** The examples in turn: squared error of x · w, one a step. */
function* examples(from = 0): Generator<Record<string, Float32Array>> {
  for (let step = from;; step++) {
    const x = xs[step % xs.length]!;
    yield { x: Float32Array.from(x), y: Float32Array.of(x.reduce((dot, v, i) => dot + v * truth[i]!, 0)) };
  }
}

/** A linear regression ready to train. */
async function regression() {
  const packing = createPacking([{ name: "w", shape: [3, 1] }]);
  const program = traceStep({
    packing,
    optimiser,
    loss(graph) {
      const [x, y] = [graph.input("x", [1, 3]), graph.input("y", [1])];
      return ({ w }) => {
        const error = sub(reshape(matmul(x, w!), [1]), y);
        return sum(mul(error, error));
      };
    },
  });
  // Rounded, so that a checkpoint in float32 loses nothing.
  const executor = createReferenceExecutor({ rounding: "f32" });
  const packed = executor.tensor({ shape: [packedRows(optimiser), 3] });
  const ring = executor.tensor({ shape: [LOSS_RING] });
  const decay = executor.tensor({ shape: [3] });
  const executable = await executor.compile(program, { packed, losses: ring, decay });
  const train = (options: Pick<FitOptions, "steps" | "batches"> & Partial<FitOptions>) =>
    fit({ executable, ring, optimiser, schedule, ...options });
  return { packed, ring, train };
}

Deno.test("fit() finds the weights of a regression, and its losses fall", async () => {
  const { packed, train } = await regression();
  const losses = await train({ steps: 600, batches: examples() });
  assert.equal(losses.length, 600);
  assert.ok(losses.slice(-4).every((loss) => loss < 1e-3), `${losses.slice(-4)}`);
  const found = (await packed.read()).subarray(0, 3);
  truth.forEach((value, i) => assert.ok(Math.abs(found[i]! - value) < 0.02, `${found}`));
});

Deno.test("fit() gives every loss in order, however often the ring goes round", async () => {
  for (const steps of [1, LOSS_RING - 1, LOSS_RING, LOSS_RING + 1, 2 * LOSS_RING + 3]) {
    const { train, ring } = await regression();
    const seen: number[] = [];
    const onStep = async (step: number) => void seen.push((await ring.read())[(step - 1) % LOSS_RING]!);
    const losses = await train({ steps, batches: examples(), onStep });
    assert.equal(losses.length, steps);
    assert.deepEqual(losses, seen);
  }
});

Deno.test("fit() stops when the batches are used up", async () => {
  const { train } = await regression();
  assert.equal((await train({ steps: 10, batches: [...take(examples(), 3)] })).length, 3);
});

Deno.test("fit() that goes on from a step equals one that never stopped", async () => {
  const whole = await regression();
  const losses = await whole.train({ steps: 150, batches: examples() });
  const first = await regression();
  const before = await first.train({ steps: 150, batches: take(examples(), 70) });
  const second = await regression();
  second.packed.write(Float32Array.from(await first.packed.read()));
  const after = await second.train({ steps: 150, firstStep: 70, batches: examples(70) });
  assert.deepEqual([...before, ...after], losses);
  assert.deepEqual(await second.packed.read(), await whole.packed.read());
});

Deno.test("fit() names the first step whose loss is not finite", async () => {
  for (const bad of [0, 5, LOSS_RING - 1, LOSS_RING, LOSS_RING + 7]) {
    const { train } = await regression();
    const batches = [...take(examples(), LOSS_RING + 20)];
    batches[bad] = { x: Float32Array.of(NaN, 0, 0), y: Float32Array.of(0) };
    await assert.rejects(train({ steps: batches.length, batches }), (error) => {
      assert.ok(error instanceof DivergenceError);
      assert.equal(error.step, bad);
      assert.match(error.message, new RegExp(`^Training diverged: the loss of step ${bad} is NaN$`));
      return true;
    });
  }
});

Deno.test("fit() ends with the error of onStep", async () => {
  const { train } = await regression();
  const onStep = (step: number) => step < 3 ? Promise.resolve() : Promise.reject(new Error("stop"));
  await assert.rejects(train({ steps: 10, batches: examples(), onStep }), /^Error: stop$/);
});

Deno.test("checkFinite() names the step that spoiled a value", () => {
  checkFinite(Float32Array.of(1, -2), "a weight", 8);
  for (const value of [NaN, Infinity, -Infinity]) {
    assert.throws(
      () => checkFinite(Float32Array.of(1, value), "a weight", 8),
      (error) => error instanceof DivergenceError && error.step === 7,
    );
  }
});

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const item of items) {
    if (taken++ === count) return;
    yield item;
  }
}
