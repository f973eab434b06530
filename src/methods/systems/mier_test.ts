import assert from "node:assert/strict";
import { gradients } from "../../graph/autodiff.ts";
import { add, mul, reshape, sub, sum } from "../../graph/functions.ts";
import type { Tensor } from "../../graph/ops.ts";
import { createMethod } from "../mod.ts";
import { runMethod, tinyConfig, tinyLora } from "../test_kit.ts";
import { contextBranches, innerStep } from "./context.ts";
import type { MierState } from "./mier.ts";
import { assertNear, evaluate, tensorOf, watched } from "./test_numbers.ts";

Deno.test("mier's inner step goes down a gradient cut to length 10", async () => {
  const found = await evaluate({
    c: tensorOf([1, 2], [1, 2]),
    long: tensorOf([1, 2], [30, 40]),
    short: tensorOf([1, 2], [3, 4]),
  }, ({ c, long, short }) => ({ long: innerStep(c!, long!, 0.1), short: innerStep(c!, short!, 0.1) }));
  // (30, 40) becomes (6, 8).
  assertNear(found["long"]!, [1 - 0.6, 2 - 0.8]);
  assertNear(found["short"]!, [1 - 0.3, 2 - 0.4]);
});

Deno.test("mier's outer gradient goes through the inner step", async () => {
  // L(θ, c) = (θ (1 + c) - 1)² at θ = 2, c = 0, α = 0.1: the inner slope is 4, so c = -0.4 and θ (1 + c) - 1 = 0.2.
  // dc/dθ = -0.2 (2 θ - 1) = -0.6, so the outer slope is 2 · 0.2 · (0.6 - 2 · 0.6) = -0.24.
  const found = await evaluate(
    { theta: tensorOf([1, 1], [2]), start: tensorOf([1, 1], [0]) },
    ({ theta, start }) => {
      const loss = (c: Tensor) => {
        const off = sub(mul(theta!, add(c, 1)), 1);
        return reshape(sum(mul(off, off)), []);
      };
      const context = innerStep(start!, gradients(loss(start!), [start!])[0]!, 0.1);
      return { context, slope: gradients(loss(context), [theta!])[0]! };
    },
  );
  assertNear([...found["context"]!, ...found["slope"]!], [-0.4, -0.24]);
});

Deno.test("mier's context scales the ranks of each site by 1 + c W", async () => {
  const kit = { config: { ...tinyConfig, depth: 1 }, lora: { ...tinyLora, targets: ["q"] as const } };
  const { gain } = await evaluate({
    c: tensorOf([2, 3], [1, 0, -1, 0, 0, 0]),
    w: tensorOf([3, 2], [1, 2, 3, 4, 5, 7]),
    a: tensorOf([2, 8], Array(16).fill(0)),
    b: tensorOf([8, 2], Array(16).fill(0)),
  }, ({ c, w, a, b }) => {
    const tensors = { "context.0.q": w!, "lora.0.q.A": a!, "lora.0.q.B": b! };
    return { gain: contextBranches(tensors, c!, kit)[0]!.gain };
  });
  // Scale 0.5; c W = (1 - 5, 2 - 7), then zero.
  assertNear(gain!, [0.5 * -3, 0.5 * -4, 0.5, 0.5]);
});

Deno.test("mier finds a context for each task, keeps it, and stores images", async () => {
  const { own } = await runMethod(createMethod("mier:buffer=3,adaptSteps=2,innerRate=0.5"), {
    tasks: 3,
    train: "really",
  });
  const [, first, , third] = own as unknown as readonly MierState[];
  const size = third!.contexts.shape[1]!;
  assert.deepEqual(third!.contexts.data.subarray(0, size), first!.contexts.data.subarray(0, size));
  assert.ok(third!.contexts.data.subarray(0, 3 * size).every((value) => value !== 0));
  assert.ok(third!.contexts.data.subarray(3 * size).every((value) => value === 0));
  assert.deepEqual([third!.tasks, third!.buffer.labels.length], [3, 3]);
});

Deno.test("mier relabels with the model as it was before the task, in the contexts of the images' tasks", async () => {
  const seen: { readonly contexts: number[]; readonly share: number }[] = [];
  const states = await watched<MierState>(
    "mier:buffer=10,adaptSteps=1,innerRate=0.5,relabelled=0.25",
    3,
    ({ tables, fixed }) => {
      const { context } = tables["stored"]!.columns as Record<string, { readonly data: Float32Array }>;
      seen.push({ contexts: [...context!.data], share: fixed!["share"]!.data[0]! });
    },
  );
  assert.deepEqual(seen.map(({ share }) => share), [0, 0.25, 0.25]);
  const state = states[2]!;
  const times = state.buffer.columns["task"]!.data;
  const size = state.contexts.shape[1]!;
  const wanted = [...times].flatMap((
    task,
  ) => [...state.contexts.data.subarray(task * size, (task + 1) * size)]);
  assert.deepEqual(seen[2]!.contexts, wanted);
});
