import assert from "node:assert/strict";
import { gradients } from "../../graph/autodiff.ts";
import { mul, sum } from "../../graph/functions.ts";
import { createMethod } from "../mod.ts";
import { runMethod } from "../test_kit.ts";
import { attendTo, type LvState, scaleBlocks } from "./lv_adapter.ts";
import { assertNear, evaluate, numbers, tensorOf, watched } from "./test_numbers.ts";

Deno.test("lv-adapter's attention to known prototypes is PyTorch's, and its zero gate has a slope", async () => {
  const { feature, prototypes, gate, value, up, slope } = numbers.attention;
  const found = await evaluate({
    feature: tensorOf([2, 4], feature),
    prototypes: tensorOf([3, 4], prototypes),
    known: tensorOf([3], [1, 0, 1]),
    gate: tensorOf([1], [gate]),
    zero: tensorOf([1], [0]),
    up: tensorOf([2, 4], up),
  }, ({ feature, prototypes, known, gate, zero, up }) => {
    const closed = attendTo(feature!, prototypes!, known!, zero!);
    return {
      value: attendTo(feature!, prototypes!, known!, gate!),
      closed,
      slope: gradients(sum(mul(closed, up!)), [zero!])[0]!,
    };
  });
  assertNear(found["value"]!, value);
  assertNear(found["closed"]!, feature);
  assertNear(found["slope"]!, [slope]);
});

Deno.test("lv-adapter puts adapters at four depths", () => {
  assert.deepEqual(scaleBlocks(12), [2, 5, 8, 11]);
  assert.deepEqual(scaleBlocks(6), [1, 2, 4, 5]);
  assert.deepEqual(scaleBlocks(1), [0]);
});

Deno.test("lv-adapter trains in two stages: the run's adapter stays in the first", async () => {
  const stages: { readonly purpose: string; readonly still: boolean; readonly scales: boolean }[] = [];
  await watched("lv-adapter", 2, ({ purpose, rate, start }) => {
    const of = (prefix: string) =>
      Object.keys(start).filter((name) => name.startsWith(prefix) && /\.[AB]$/.test(name));
    stages.push({
      purpose: purpose!,
      still: of("lora.").every((name) => rate!(name) === 0),
      scales: of("scale.").every((name) => rate!(name) === 1),
    });
  });
  const adapt = { purpose: "adapt", still: true, scales: true };
  const finetune = { purpose: "finetune", still: false, scales: true };
  assert.deepEqual(stages, [adapt, finetune, adapt, finetune]);
});

Deno.test("lv-adapter opens its gate by training alone, and not if it may not attend", async () => {
  const gates = async (spec: string) => {
    const { own } = await runMethod(createMethod(spec), { tasks: 1, train: "really" });
    return (own as unknown as readonly LvState[]).map(({ trained }) => trained["gate"]!.data[0]!);
  };
  const [before, after] = await gates("lv-adapter");
  assert.equal(before, 0);
  assert.notEqual(after, 0);
  assert.deepEqual(await gates("lv-adapter:attend=false"), [0, 0]);
});
