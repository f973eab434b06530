import assert from "node:assert/strict";
import { stateSize } from "../../core/state.ts";
import { composeDelta } from "../../merge/delta.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { createMethod } from "../mod.ts";
import { createTestKit, runMethod } from "../test_kit.ts";
import { blockFactor } from "./lines.ts";
import { mergesMethods } from "./mod.ts";
import { stockRatio } from "./model_stock.ts";
import { mergeOf, times, tinyAdapter } from "./test_adapters.ts";

async function startsOf(spec: string): Promise<{ starts: Adapter[]; trained: readonly Adapter[] }> {
  const starts: Adapter[] = [];
  const { trained } = await runMethod(createMethod(spec), {
    tasks: 3,
    onTraining: ({ start }) => void starts.push(start),
  });
  return { starts, trained };
}

for (const name of [...Object.keys(mergesMethods), "taskarith", "concat-pruned"]) {
  Deno.test(`${name} starts fresh, from one A, or from what the last task's training left`, async () => {
    const fresh = (task: number) => createTestKit().freshAdapter(`task ${task}`).pairs;
    const { starts: own } = await startsOf(`${name}:start=fresh`);
    assert.deepEqual(own.map(({ pairs }) => pairs), [fresh(0), fresh(1), fresh(2)]);
    const { starts: shared } = await startsOf(`${name}:start=shared`);
    assert.deepEqual(shared.map(({ pairs }) => pairs), [fresh(0), fresh(0), fresh(0)]);

    const { starts, trained } = await startsOf(`${name}:start=sequential`);
    assert.deepEqual(starts[0]!.pairs, fresh(0));
    for (const task of [1, 2]) {
      const { pairs, importance } = starts[task]!;
      assert.deepEqual(
        Object.values(pairs).map(({ a }) => a),
        Object.values(trained[task - 1]!.pairs).map(({ a }) => a),
      );
      assert.ok(
        deltaError(
          { ...trained[task]!, pairs, importance },
          (site) => composeDelta(trained[task - 1]!, site),
        ) < 1e-6,
      );
    }
  });
}

Deno.test("a state keeps the last adapter only for those that go on from it", async () => {
  for (
    const [independent, sequential] of [["taskarith", "taskarith:start=sequential"], [
      "dare",
      "dare:start=sequential",
    ]] as const
  ) {
    const sizes = [];
    for (const spec of [independent, sequential]) {
      sizes.push(stateSize((await runMethod(createMethod(spec), { tasks: 2 })).own.at(-1)!));
    }
    assert.ok(sizes[0]! < sizes[1]!, independent);
  }
});

Deno.test("ema moves by alpha from what it was, beginning at the first adapter", async () => {
  const [a, b, c] = ["a", "b", "c"].map((label) => tinyAdapter(label)) as [Adapter, Adapter, Adapter];
  const merged = await mergeOf("ema:alpha=0.25", [a, b, c]);
  const wanted = (site: string) => weightedDelta([a, b, c], [9 / 16, 3 / 16, 4 / 16], site);
  assert.ok(deltaError(merged, wanted) < 1e-6);
});

Deno.test("model-stock goes as far as the angle says", async () => {
  // 60 degrees: t = 2 · ½ / (1 + ½); right angles and beyond: nothing is left; one task: all of it.
  assert.ok(Math.abs(stockRatio(0.5, 2) - 2 / 3) < 1e-12);
  // Three pairs of cosine ½: t = 3 · ½ / (1 + 2 · ½).
  assert.ok(Math.abs(stockRatio(1.5, 3) - 3 / 4) < 1e-12);
  assert.deepEqual([stockRatio(0, 2), stockRatio(-0.8, 2), stockRatio(3, 3), stockRatio(0, 1)], [0, 0, 1, 1]);
  // An update and the same plus another: the cosine is that of their sites, the mean is 1.5 a + 0.5 b over 2.
  const [a, b] = [tinyAdapter("a", 1), tinyAdapter("b", 1)];
  const method = createMethod("model-stock");
  const { deployed, states } = await runMethod(method, {
    tasks: 2,
    train: (_, { index }) => index === 0 ? a : times(a, 3),
  });
  assert.ok(deltaError(deployed!, (site) => composeDelta(times(a, 2), site)) < 1e-6);
  const { ratios } = method.facts!(states.at(-1)!) as { ratios: Record<string, number> };
  for (const ratio of Object.values(ratios)) assert.ok(Math.abs(ratio - 1) < 1e-6);
  assert.ok(deltaError(await mergeOf("model-stock", [a, b]), (site) => composeDelta(a, site)) > 0.1);
});

Deno.test("lines rises from the mean in the first block to the length-keeping sum in the last", () => {
  const given = { alpha: null, beta: null };
  assert.deepEqual([0, 1, 2].map((block) => blockFactor(block, 3, 4, given)), [0.25, 0.375, 0.5]);
  assert.deepEqual([0, 5, 11].map((block) => blockFactor(block, 12, 1, given)), [1, 1, 1]);
  assert.deepEqual([0, 1].map((block) => blockFactor(block, 2, 9, { alpha: 0.5, beta: 2 })), [0.5, 2.5]);
  assert.equal(blockFactor(0, 1, 4, given), 0.25);
});
