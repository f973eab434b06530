import assert from "node:assert/strict";
import { gradients } from "../../graph/autodiff.ts";
import { add, linear, matmul, mul, sum } from "../../graph/functions.ts";
import { createMethod } from "../mod.ts";
import { distillation } from "../pieces/losses.ts";
import { runMethod } from "../test_kit.ts";
import { sgd } from "../../train/optimisers/sgd.ts";
import { type ClLoraState, overlap, reassignment } from "./cl_lora.ts";
import { asPart, beside, parted } from "./parted.ts";
import { assertNear, evaluate, numbers, steps, tensorOf } from "./test_numbers.ts";

Deno.test("cl-lora reassigns gradients to rows by their norms", () => {
  // Norms 5, 0, 5 and 2.5 of four rows.
  assert.deepEqual(
    [...reassignment(tensorOf([4, 2], [3, 4, 0, 0, 0, 5, 1.5, 2])).data],
    [1.6, 0, 1.6, 0.8].map(Math.fround),
  );
  assert.deepEqual([...reassignment(tensorOf([2, 1], [0, 0])).data], [1, 1]);
});

Deno.test("cl-lora's distillation at the early exit and its reassigned gradient are PyTorch's", async () => {
  const { x, b, old, head, loss, factors, gradient } = numbers.distillation;
  const before = tensorOf([4, 2], old);
  assertNear([...reassignment(before).data], factors);
  const inputs = {
    x: tensorOf([3, 2], x),
    b: tensorOf([4, 2], b),
    old: before,
    head: tensorOf([3, 4], head),
    mask: tensorOf([3], [1, 0, 1]),
    weights: tensorOf([3], [1, 1, 1]),
    factors: reassignment(before),
    bias: tensorOf([3], [0, 0, 0]),
  };
  const found = await evaluate(inputs, ({ x, b, old, head, mask, weights, factors, bias }) => {
    const logits = (b: typeof x) => linear(matmul(x!, b!, { transposeB: true }), head!, bias!);
    const loss = distillation(logits(b), logits(old), mask!, weights!, 2);
    return { loss, gradient: mul(gradients(loss, [b!])[0]!, factors!) };
  });
  assertNear(found["loss"]!, [loss]);
  assertNear(found["gradient"]!, gradient);
});

Deno.test("parted() scales the gradient of one part of a loss and leaves the other", async () => {
  const start = { w: tensorOf([2, 1], [1, 2]) };
  // Gradients 3 and 5 of the rest, 10 and 100 of the part; the part counts 2 and 0.5.
  const rule = parted(sgd({ momentum: 0 }), (rest, part, { fixed }) => ({
    w: add(rest["w"]!, mul(part["w"]!, fixed["rows"]!)),
  }));
  const { values } = await steps(
    rule,
    { ...start, ...beside(start) },
    (all, { rest, part }) => add(sum(mul(all["w"]!, rest!)), sum(mul(asPart(all)["w"]!, part!))),
    {
      rate: 0.1,
      count: 1,
      fixed: {
        rows: tensorOf([2, 1], [2, 0.5]),
        rest: tensorOf([2, 1], [3, 5]),
        part: tensorOf([2, 1], [10, 100]),
      },
    },
  );
  assertNear(values["w"]!, [1 - 0.1 * 23, 2 - 0.1 * 55]);
  assertNear(values["part.w"]!, [0, 0]);
});

Deno.test("cl-lora's block weights are kept apart by the mean |cos| to earlier ones", async () => {
  const found = await evaluate({
    own: tensorOf([2], [3, 4]),
    earlier: tensorOf([3, 2], [4, 3, -4, 3, 0, 0]),
    share: tensorOf([1], [0.5]),
  }, ({ own, earlier, share }) => ({ value: overlap(own!, earlier!, share!) }));
  // |cos| are 24/25 and 0.
  assertNear(found["value"]!, [0.48]);
});

Deno.test("cl-lora trains the shared B alone, and leaves what earlier tasks have of their own", async () => {
  const { own } = await runMethod(createMethod("cl-lora"), { tasks: 3, train: "really" });
  const [before, first, , third] = own as unknown as readonly ClLoraState[];
  for (const [site, { a, b }] of Object.entries(third!.shared)) {
    assert.ok(site.startsWith("0."));
    const [rank, inputs] = a.shape as [number, number];
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j <= i; j++) {
        const row = (r: number) => a.data.subarray(r * inputs, (r + 1) * inputs);
        const dot = row(i).reduce((total, value, k) => total + value * row(j)[k]!, 0);
        assertNear([dot], [i === j ? 1 : 0]);
      }
    }
    assert.deepEqual(a, before!.shared[site]!.a);
    assert.notDeepEqual(b, first!.shared[site]!.b);
  }
  assert.deepEqual(third!.tasks[0], first!.tasks[0]);
  assert.ok(Object.keys(third!.tasks[0]!.pairs).every((site) => site.startsWith("1.")));
});

Deno.test("cl-lora moves the shared part less the stronger it distils", async () => {
  const moved = async (spec: string) => {
    const { own } = await runMethod(createMethod(spec), { tasks: 2, train: "really", epochs: 10 });
    const [, first, second] = own as unknown as readonly ClLoraState[];
    return Object.entries(second!.shared).reduce(
      (total, [site, { b }]) =>
        total + b.data.reduce((sum, value, i) => sum + (value - first!.shared[site]!.b.data[i]!) ** 2, 0),
      0,
    );
  };
  assert.ok(await moved("cl-lora:distil=1000") < await moved("cl-lora:distil=0"));
});
