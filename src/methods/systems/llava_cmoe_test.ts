import assert from "node:assert/strict";
import { createMethod } from "../mod.ts";
import { runMethod } from "../test_kit.ts";
import { balance, placeRouter, readExpert, topGates } from "./experts.ts";
import { type CmoeState, expansions } from "./llava_cmoe.ts";
import { locate, reconstructionError } from "./locator.ts";
import { assertNear, evaluate, numbers, tensorOf } from "./test_numbers.ts";

Deno.test("llava-cmoe expands the blocks whose probe is used more than mean - α · deviation", () => {
  // Mean 0.5, deviation √0.08 = 0.283.
  assert.deepEqual(expansions([0.5, 0.5, 0.1, 0.9], 1), [true, true, false, true]);
  assert.deepEqual(expansions([0.5, 0.5, 0.1, 0.9], 0), [true, true, false, true]);
  assert.deepEqual(expansions([0.5, 0.4, 0.1, 0.9], 0), [true, false, false, true]);
  assert.deepEqual(expansions([0.5, 0.5, 0.1, 0.9], 2), [true, true, true, true]);
  assert.deepEqual(expansions([0.3, 0.3, 0.3], 0), [true, true, true]);
});

Deno.test("llava-cmoe's gates of the two highest experts and their balance are PyTorch's", async () => {
  const { logits, gates, shares, balance: balanced } = numbers.gates;
  const found = await evaluate({
    logits: tensorOf([3, 6], logits),
    known: tensorOf([1, 2, 3], [1, 1, 1, 1, 1, 0]),
    weights: tensorOf([3], [1, 1, 0]),
  }, ({ logits, known, weights }) => {
    const top = topGates(logits!, known!);
    return { ...top, balance: balance(top.gates, top.shares, known!, weights!) };
  });
  assertNear(found["gates"]!, gates);
  assertNear(found["shares"]!, shares);
  assertNear(found["balance"]!, [balanced]);
});

Deno.test("llava-cmoe's locator reconstructs as NumPy does, and takes the least surprised by its own measure", async () => {
  const { x, nets, errors, at, unit, chosen } = numbers.locator;
  const sizes: Readonly<Record<string, [number, number]>> = {
    in: [3, 2],
    mean: [2, 1],
    back: [1, 2],
    out: [2, 3],
  };
  const stack = Object.entries(sizes).flatMap(([name, [inputs, outputs]]) => [
    [`locator.${name}.weight`, tensorOf([2, inputs, outputs], nets[name][0])] as const,
    [`locator.${name}.bias`, tensorOf([2, 1, outputs], nets[name][1])] as const,
  ]);
  const inputs = {
    ...Object.fromEntries(stack),
    "locator.at": tensorOf([1, 2], at),
    "locator.unit": tensorOf([1, 2], unit),
    "locator.there": tensorOf([1, 2], [1, 1]),
    only: tensorOf([1, 2], [1, 0]),
    x: tensorOf([2, 3], x),
    twice: tensorOf([2, 2, 3], [...x, ...x]),
  };
  const found = await evaluate(inputs, ({ x, twice, only, ...fixed }) => {
    const tensors = Object.fromEntries(Object.entries(fixed).map(([name, value]) => [name.slice(8), value]));
    return {
      errors: reconstructionError(twice!, tensors),
      chosen: locate(x!, fixed),
      only: locate(x!, { ...fixed, "locator.there": only! }),
    };
  });
  assertNear(found["errors"]!, errors, 1e-5);
  assertNear(found["chosen"]!, chosen.flatMap((task: number) => [1 - task, task]));
  assertNear(found["only"]!, [1, 0, 1, 0]);
});

Deno.test("llava-cmoe gives a grown block's router a place for its new expert", () => {
  // Two blocks of two places and one beside them; one expert each, and only block 1 grows.
  const { router, known } = placeRouter(tensorOf([1, 6], [1, 2, 3, 4, 5, 6]), [1, 1], [false, true], 2);
  assert.deepEqual([...router.data], [1, 0, 4, 6]);
  assert.deepEqual([...known.data], [1, 0, 1, 1]);
});

Deno.test("llava-cmoe leaves earlier experts and routers, and never has more experts than it may", async () => {
  const { own } = await runMethod(createMethod("llava-cmoe:maxExperts=2,alpha=5,locatorEpochs=2"), {
    tasks: 3,
    train: "really",
  });
  const [, first, , third] = own as unknown as readonly CmoeState[];
  assert.deepEqual([first!.experts.counts, third!.experts.counts], [[1, 1], [2, 2]]);
  for (const factor of ["A", "B"] as const) {
    assert.deepEqual(
      readExpert(third!.experts, "1.v", factor, 0),
      readExpert(first!.experts, "1.v", factor, 0),
    );
    assert.notDeepEqual(
      readExpert(third!.experts, "1.v", factor, 1),
      readExpert(first!.experts, "1.v", factor, 0),
    );
  }
  assert.deepEqual(third!.tasks[0], first!.tasks[0]);
});
