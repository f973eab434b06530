/**
 * Every rule against steps worked out by hand, on gradients that the test chooses.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createReferenceExecutor } from "../../executors/reference/executor.ts";
import { add, concat, mul, narrow, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { createPacking } from "../../nn/packing.ts";
import { LOSS_RING, noiseName, packedRows, traceStep } from "../step.ts";
import { constantAdam } from "../test_kit.ts";
import { adamw } from "./adamw.ts";
import type { Optimiser } from "./optimiser.ts";
import { projected, rated } from "./projected.ts";
import { createOptimiser, defaultOptimiser } from "./settings.ts";
import { sgd } from "./sgd.ts";

const RATE = 0.5;

interface RunOptions {
  /** A factor for each parameter's move. */
  readonly rates?: readonly number[];
  /** The loss is grad · w + curvature / 2 · w · w. */
  readonly curvature?: number;
  /** The normal numbers of each step. */
  readonly noise?: readonly (readonly number[])[];
}

/**
 * Steps on the parameters (1, -2), of which the second has decay 0.1.
 *
 * @param grads The slope of the loss at 0, of each step
 * @returns The parameters, then the slots; and the loss before every step
 */
async function run(
  optimiser: Optimiser,
  grads: readonly (readonly number[])[],
  { rates, curvature = 0, noise = [] }: RunOptions = {},
): Promise<{ readonly rows: number[][]; readonly losses: number[] }> {
  const executor = createReferenceExecutor();
  const rows = packedRows(optimiser);
  const start = Float32Array.of(1, -2);
  const values = new Float64Array(rows * 2);
  values.set(start);
  optimiser.init?.(start).forEach((slot, i) => values.set(slot, 2 * (1 + i)));
  const program = traceStep({
    packing: createPacking([{ name: "w", shape: [2] }]),
    optimiser,
    rated: rates !== undefined,
    loss(graph) {
      const grad = graph.input("grad", [2]);
      return ({ w }) => sum(add(mul(w!, grad), mul(mul(w!, w!), curvature / 2)));
    },
  });
  const states = {
    packed: executor.tensor({ shape: [rows, 2], values }),
    decay: executor.tensor({ shape: [2], values: Float64Array.of(0, 0.1) }),
    losses: executor.tensor({ shape: [LOSS_RING] }),
    ...(rates && { rates: executor.tensor({ shape: [2], values: Float64Array.from(rates) }) }),
  };
  const executable = await executor.compile(program, states);
  for (const [step, slope] of grads.entries()) {
    await executable.run({
      grad: Float64Array.from(slope),
      hyper: Float64Array.from(optimiser.hyper(RATE, step)),
      ringSlot: Int32Array.of(step),
      ...(optimiser.noise && { [noiseName(0)]: Float64Array.from(noise[step]!) }),
    });
  }
  const result = await states.packed.read();
  return {
    rows: Array.from({ length: rows }, (_, row) => [...result.subarray(2 * row, 2 * row + 2)]),
    losses: [...(await states.losses.read()).subarray(0, grads.length)],
  };
}

function assertClose(found: readonly number[][], wanted: readonly number[][]): void {
  assert.deepEqual(found.map(({ length }) => length), wanted.map(({ length }) => length));
  found.flat().forEach((value, i) => {
    assert.ok(Math.abs(value - wanted.flat()[i]!) < 1e-7, `${i}: ${value}, wanted ${wanted.flat()[i]}`);
  });
}

/** What AdamW makes of the gradients (2, -4) and (0, 2). */
function adamByHand(): { readonly rows: number[][]; readonly first: number[] } {
  // Step 1: m = 0.1 g, v = 0.001 g²; corrected they are g and g², so each parameter moves by 0.5 · sign g, and the
  // second also by 0.5 · 0.1 · -2. Step 2 with g = (0, 2): m = (0.09·2, 0.09·-4 + 0.2), corrected by 1 - 0.81.
  const first = [1 - 0.5, -2 + 0.5 + 0.1];
  const m = [0.9 * 0.2, 0.9 * -0.4 + 0.1 * 2];
  const v = [0.999 * 0.004, 0.999 * 0.016 + 0.001 * 4];
  const direction = m.map((value, i) => value / 0.19 / Math.sqrt(v[i]! / 0.001999));
  const second = [first[0]! - 0.5 * direction[0]!, first[1]! - 0.5 * (direction[1]! + 0.1 * first[1]!)];
  return { rows: [second, m, v], first };
}

const twoSteps = [[2, -4], [0, 2]];

Deno.test("adamw() equals two steps by hand", async () => {
  assertClose((await run(adamw(), twoSteps)).rows, adamByHand().rows);
  assertClose((await run(createOptimiser(constantAdam), twoSteps)).rows, adamByHand().rows);
});

Deno.test("adamw() takes its constants", async () => {
  // m = 0.5 g and v = 0.25 g², corrected to g and g²; epsilon is the size of the second gradient.
  const { rows } = await run(adamw({ beta1: 0.5, beta2: 0.75, epsilon: 4 }), [[12, -4]]);
  assertClose(rows, [[1 - 0.5 * 12 / 16, -2 - 0.5 * (-4 / 8 - 0.2)], [6, -2], [36, 4]]);
});

Deno.test("sgd() keeps momentum and counts decay as gradient", async () => {
  // Velocities: (2, -4 - 0.2) = (2, -4.2), then (1.8, -3.78 + 2 + 0.1 · 0.1) = (1.8, -1.77).
  const wanted = [[1 - 1 - 0.9, -2 + 2.1 + 0.885], [1.8, -1.77]];
  assertClose((await run(sgd(), twoSteps)).rows, wanted);
  assertClose((await run(createOptimiser({ ...constantAdam, kind: "sgd" }), twoSteps)).rows, wanted);
  const plain = createOptimiser({ ...constantAdam, kind: "sgd", momentum: 0 });
  assertClose((await run(plain, twoSteps)).rows, [[0, 0.1 - 1 - 0.005], [0, 2.01]]);
});

Deno.test("createOptimiser() gives the rate and the bias corrections of a step", () => {
  const adam = createOptimiser(constantAdam);
  const [rate, first, second] = adam.hyper(0.01, 1);
  assert.equal(rate, 0.01);
  assert.ok(Math.abs(first! - (1 - 0.81)) < 1e-15);
  assert.ok(Math.abs(second! - (1 - 0.998001)) < 1e-15);
  assert.deepEqual([adam.hyperLength, adam.slots, packedRows(adam)], [3, 2, 3]);
  const plain = createOptimiser({ ...constantAdam, kind: "sgd" });
  assert.deepEqual([...plain.hyper(0.01, 1)], [0.01]);
  assert.deepEqual([plain.hyperLength, plain.slots], [1, 1]);
  assert.equal(createOptimiser(defaultOptimiser).hyperLength, 3);
});

Deno.test("traceStep() notes the loss before each step", async () => {
  const { losses } = await run(sgd({ momentum: 0 }), twoSteps, { curvature: 2 });
  // At (1, -2): 2 + 8 + 1 + 4. The slope is grad + 2 w and decay 0.1 w: (4, -8.2), so next (-1, 2.1).
  assertClose([losses], [[15, 4.2 + 1 + 4.41]]);
});

Deno.test("projected() changes the move, decay included, and leaves the inner slots alone", async () => {
  // Only the part of a move along (1, 1) is left.
  const along = (move: Tensor) => mul(add(mul(move, 0), sum(move)), 0.5);
  const { rows } = await run(projected(adamw(), along), [twoSteps[0]!]);
  const { first } = adamByHand();
  const part = (first[0]! - 1 + first[1]! + 2) / 2;
  assertClose(rows, [[1 + part, -2 + part], [0.2, -0.4], [0.004, 0.016]]);
});

Deno.test("projected() with the move as it is equals the inner rule, also one without slots", async () => {
  for (const inner of [adamw(), sgd(), slotless]) {
    const same = await run(projected(inner, (move) => move), twoSteps);
    assertClose(same.rows, (await run(inner, twoSteps)).rows);
  }
  const nothing = await run(projected(slotless, (move) => mul(move, 0)), twoSteps);
  assertClose(nothing.rows, [[1, -2]]);
});

Deno.test("rated() multiplies each parameter's move, from the graph or by the state `rates`", async () => {
  const { rows: [plain, ...slots] } = await run(adamw(), [twoSteps[0]!]);
  const wanted = [[1 + 0.25 * (plain![0]! - 1), -2 + 3 * (plain![1]! + 2)], ...slots];
  assertClose((await run(adamw(), [twoSteps[0]!], { rates: [0.25, 3] })).rows, wanted);
  const factors: Optimiser = {
    ...adamw(),
    step: (now) => rated(adamw(), now.theta.graph.make("constant", constantOf([0.25, 3]), [])).step(now),
  };
  assertClose((await run(factors, [twoSteps[0]!])).rows, wanted);
});

Deno.test("a rule may look at the loss elsewhere", async () => {
  // Extragradient: the slope where a whole step would lead.
  const ahead: Optimiser = {
    ...slotless,
    step: ({ theta, hyper, gradientAt }) => {
      const look = sub(theta, mul(gradientAt(theta), hyper));
      return reshape(sub(theta, mul(gradientAt(look), hyper)), [1, 2]);
    },
  };
  const { rows, losses } = await run(ahead, [[2, -4]], { curvature: 1 });
  // The slope at (1, -2) is (3, -6), which leads to (-0.5, 1) with slope (1.5, -3).
  assertClose(rows, [[1 - 0.75, -2 + 1.5]]);
  assertClose([losses], [[12.5]]);
});

Deno.test("a rule may use noise, and slots that start elsewhere than at zero", async () => {
  const anchored: Optimiser = {
    slots: 1,
    noise: 1,
    hyperLength: 1,
    hyper: (rate) => [rate],
    init: (start) => [start.map((value) => 10 * value)],
    step: ({ packed, theta, slots, noise, hyper }) => {
      const next = add(theta, mul(add(noise[0]!, slots[0]!), hyper));
      return concat([reshape(next, [1, 2]), narrow(packed, 0, 1, 1)]);
    },
  };
  const { rows } = await run(anchored, twoSteps, { noise: [[1, 0], [2, -1]] });
  assertClose(rows, [[1 + 0.5 * (11 + 12), -2 + 0.5 * (-20 - 21)], [10, -20]]);
});

/** Plain gradient descent. */
const slotless: Optimiser = {
  slots: 0,
  hyperLength: 1,
  hyper: (rate) => [rate],
  step: ({ theta, hyper, gradientAt }) => reshape(sub(theta, mul(gradientAt(theta), hyper)), [1, 2]),
};

function constantOf(values: readonly number[]) {
  return { data: Float64Array.from(values), shape: [values.length], dtype: "f32" } as const;
}
