import assert from "node:assert/strict";
import { createMethod } from "../mod.ts";
import { runMethod } from "../test_kit.ts";
import { type AdaCmState, freeLogits, tunedLogits } from "./ada_cm.ts";
import { assertNear, evaluate, numbers, tensorOf } from "./test_numbers.ts";

Deno.test("ada-cm's logits of two branches and class means are NumPy's, untuned and tuned", async () => {
  const { both, own, patch, names, counts, weights, free, tuned } = numbers.ada_cm;
  const found = await evaluate({
    both: tensorOf([2, 7], both),
    own: tensorOf([3, 2, 4], own),
    patch: tensorOf([3, 2, 3], patch),
    names: tensorOf([3, 4], names),
    counts: tensorOf([3], counts),
    gamma: tensorOf([3], [0.5, 0.5, 1]),
    factors: tensorOf([3], weights),
  }, ({ both, gamma, factors, ...memory }) => ({
    free: freeLogits(both!, memory, gamma!),
    tuned: tunedLogits(both!, memory, factors!),
  }));
  assertNear(found["free"]!, free);
  assertNear(found["tuned"]!, tuned);
});

Deno.test("ada-cm keeps unit features of the task's classes and does not touch the others'", async () => {
  const { states } = await runMethod(createMethod("ada-cm:shots=1"), { tasks: 2 });
  const [, first, second] = states as unknown as readonly AdaCmState[];
  assert.deepEqual([...second!.counts.subarray(0, 5)], [1, 1, 1, 1, 0]);
  const { shape: [, , width], data } = second!.memory["own"]!;
  const lengths = Array.from(
    { length: 5 },
    (_, label) => Math.hypot(...data.subarray(label * width!, (label + 1) * width!)),
  );
  assertNear(lengths, [1, 1, 1, 1, 0]);
  assert.deepEqual(data.subarray(0, 2 * width!), first!.memory["own"]!.data.subarray(0, 2 * width!));
});

Deno.test("ada-cm tuned trains the task's keys and leaves those of earlier classes", async () => {
  const run = async (spec: string) =>
    (await runMethod(createMethod(spec), { tasks: 2, train: "really" }))
      .states as unknown as readonly AdaCmState[];
  const [, first, second] = await run("ada-cm:tuned=true,shots=1");
  for (const name of ["own", "patch", "names"]) {
    const [before, after] = [first!.memory[name]!.data, second!.memory[name]!.data];
    const width = before.length / 64;
    assert.deepEqual(after.subarray(0, 2 * width), before.subarray(0, 2 * width));
    assert.ok(after.subarray(2 * width, 4 * width).some((value) => value !== 0));
    assert.ok(after.subarray(4 * width).every((value) => value === 0));
  }
  // Trained keys are not of length 1.
  const { data, shape } = second!.memory["own"]!;
  assert.ok(Math.abs(Math.hypot(...data.subarray(2 * shape[2]!, 3 * shape[2]!)) - 1) > 1e-4);
});
