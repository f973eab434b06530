import assert from "node:assert/strict";
import { mul } from "../../graph/functions.ts";
import { mapPairs } from "../../merge/delta.ts";
import { createRng } from "../../core/rng.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { imageTable } from "../../train/table.ts";
import type { Env, Fit, Kit, Named } from "../method.ts";
import { maskOf, taskLoss } from "../pieces/losses.ts";
import { branchOf, factorsOf, prefixed } from "../pieces/tensors.ts";
import { createTestKit, testTask } from "../test_kit.ts";
import { assertClose } from "./test_numbers.ts";

const task = testTask(0, 6);

/** An update that is not zero. */
function updateOf(kit: Kit): Adapter {
  const rng = createRng(3, "update");
  return mapPairs(kit.freshAdapter("update"), ({ a, b }) => ({
    a,
    b: { ...b, data: b.data.map(() => 0.2 * rng.normal()) },
  }));
}

/** A training of a fresh adapter; with `under`, beside frozen factors of that prefix. */
function training(kit: Kit, under = ""): Fit {
  return {
    start: { ...factorsOf(kit.freshAdapter("new")), ...kit.freshClassifier() },
    fixed: maskOf(task, kit),
    tables: { main: imageTable(task.train) },
    loss(trained: Named, env: Env) {
      const branches = [branchOf(trained, kit), ...(under ? [branchOf(env.fixed, kit, under)] : [])];
      const { feature } = env.encode(env.rows().images, { branches });
      return taskLoss(kit.classifier.logits(feature, trained), env);
    },
  };
}

Deno.test("a training on a folded adapter is one beside the same adapter as a frozen branch", async () => {
  const kit = createTestKit();
  const update = updateOf(kit);
  const plain = await kit.fit(training(kit));
  const folded = await kit.fit({ ...training(kit), adapter: update });
  const spec = training(kit, "old.");
  const beside = await kit.fit({ ...spec, fixed: { ...spec.fixed, ...prefixed(factorsOf(update), "old.") } });
  assertClose(folded.losses, beside.losses, 1e-5);
  assert.ok(Math.abs(folded.losses[0]! - plain.losses[0]!) > 1e-5);
  // What was folded in is gone again.
  assert.deepEqual((await kit.fit(training(kit))).losses, plain.losses);
});

Deno.test("a projected training moves as the run's rule would, but for what the projection leaves out", async () => {
  const kit = createTestKit();
  const spec = { ...training(kit), epochs: 1, tables: { main: imageTable(task.train, [0, 1]) } };
  const [free, half] = [
    await kit.fit(spec),
    await kit.fit({ ...spec, project: (move) => mul(move, 0.5) }),
  ];
  for (const [name, { data }] of Object.entries(spec.start)) {
    const moved = (values: typeof free.values) => values[name]!.data.map((value, i) => value - data[i]!);
    assertClose(moved(half.values), moved(free.values).map((value) => 0.5 * value), 1e-4);
  }
});
