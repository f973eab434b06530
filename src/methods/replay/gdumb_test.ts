import assert from "node:assert/strict";
import { createRng, type Rng } from "../../core/rng.ts";
import type { StateValue } from "../../core/state.ts";
import type { Fit } from "../method.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, runMethod, testTask } from "../test_kit.ts";
import { type GdumbState, greedilyBalanced } from "./gdumb.ts";

/** Images of one pixel. */
function images(...pairs: readonly (readonly [image: number, label: number])[]) {
  return {
    images: Uint8Array.from(pairs, ([image]) => image),
    labels: Int32Array.from(pairs, ([, label]) => label),
    count: pairs.length,
  };
}

Deno.test("greedilyBalanced() takes room from the largest class, and nothing for a class that is one", () => {
  const draws: [bound: number, value: number][] = [[1, 0], [3, 1], [2, 1], [2, 0]];
  const rng: Rng = {
    ...createRng(0, "none"),
    integer(bound) {
      const [wanted, value] = draws.shift()!;
      assert.equal(bound, wanted);
      return value;
    },
  };
  const stored = images([10, 0], [11, 0], [12, 0], [20, 1]);
  // 13 of class 0, the largest, is left; 21 takes the place of 11; now both have two, and 30 that of one of class 1.
  const next = greedilyBalanced(stored, images([13, 0], [21, 1], [30, 2]), [0, 1, 2], 4, rng);
  assert.deepEqual([...next.images], [10, 12, 21, 30]);
  assert.deepEqual([...next.labels], [0, 0, 1, 2]);
  assert.equal(draws.length, 0);
});

Deno.test("gdumb's buffer is balanced, and each task trains afresh on it over all classes", async () => {
  const method = createMethod("gdumb:size=6");
  const taskOf = (index: number) => testTask(index, 6);
  const { states } = await runMethod(method, { tasks: 3, taskOf });
  const counts = (states[3] as GdumbState).stored.labels.reduce<Record<number, number>>(
    (counts, label) => ({ ...counts, [label]: (counts[label] ?? 0) + 1 }),
    {},
  );
  assert.deepEqual(counts, { 0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1 });
  const asked: Fit[] = [];
  const kit = createTestKit({ task: 2 });
  await method.learn(states[2] as StateValue, taskOf(2), {
    ...kit,
    fit: (fit) => kit.fit((asked.push(fit), fit)),
  });
  assert.equal(asked.length, 1);
  assert.equal(asked[0]!.tables.main.count, 6);
  assert.deepEqual([...asked[0]!.fixed!["mask"]!.data].slice(0, 8), [1, 1, 1, 1, 1, 1, 0, 0]);
  // From the start of the first task, not from the last adapter.
  const fresh = kit.freshAdapter("task 0").pairs["0.q"]!.a.data;
  assert.deepEqual(asked[0]!.start["lora.0.q.A"]!.data, fresh);
});
