import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { compress } from "../../merge/compress.ts";
import { concat } from "../../merge/concat.ts";
import { composeDelta, mapPairs } from "../../merge/delta.ts";
import { deltaError, weightedDelta } from "../../merge/test_adapters.ts";
import { type Adapter, createAdapter } from "../../nn/adapter.ts";
import { createRng } from "../../core/rng.ts";
import { createMethod } from "../mod.ts";
import { type FakeTraining, randomStep, runMethod, tinyConfig, tinyLora } from "../test_kit.ts";
import { addFactors, type KMergeState } from "./kmerge.ts";

type Rows = readonly (readonly number[])[];

const { kmerge: expected }: {
  kmerge: {
    gain: number;
    tasks: readonly { a: Rows; b: Rows }[];
    factors: readonly Rows[];
    deltas: readonly Rows[];
  };
} = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/methods/hierarchy/expected.json", import.meta.url)),
);

const tensor = (rows: Rows) => hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));

function tasks(): Adapter[] {
  return expected.tasks.map(({ a, b }) => ({
    scale: expected.gain,
    importance: 1,
    pairs: { "0.q": { a: tensor(a), b: tensor(b) } },
  }));
}

async function run(spec: string, count: number, train: FakeTraining = randomStep()) {
  const method = createMethod(spec);
  const run = await runMethod(method, { tasks: count, train });
  return { ...run, facts: method.facts!(run.states.at(-1)!), last: run.own.at(-1) as KMergeState };
}

Deno.test("addFactors() has the cross terms of merged factors, as NumPy finds them", () => {
  const [first, second, third] = tasks();
  const two = addFactors([first!, second!], [1 / 2, 1 / 2]);
  const three = addFactors([two, third!], [2 / 3, 1 / 3]);
  [two, three].forEach((merged, i) =>
    assert.ok(deltaError(merged, () => expected.factors[i]!.flat()) < 1e-6)
  );
  // They are no small matter.
  assert.ok(deltaError(two, () => expected.deltas[0]!.flat()) > 0.1);
});

Deno.test("addFactors() refuses factors of different ranks and negative weights", () => {
  const [first, second] = tasks();
  assert.throws(() => addFactors([first!, compress(second!, 1)], [0.5, 0.5]), RangeError);
  assert.throws(() => addFactors([first!, second!], [1.5, -0.5]), RangeError);
});

Deno.test("kmerge fills its places, then merges into the most similar with weights 1 - 1/n and 1/n", async () => {
  const train: FakeTraining = (_, { index }) => {
    const base = createAdapter(tinyConfig, tinyLora, createRng(1, "same"));
    const [kind, own] = [createRng(2, `kind ${index % 2}`), createRng(2, `task ${index}`)];
    return mapPairs(base, ({ a, b }) => ({
      a,
      b: { ...b, data: b.data.map(() => kind.normal() + 0.3 * own.normal()) },
    }));
  };
  const { trained, deployed, facts } = await run("kmerge:places=2,merge=delta,rank=null", 5, train);
  assert.deepEqual(facts.members, [[0, 2, 4], [1, 3]]);
  const weights = [1 / 6, 1 / 4, 1 / 6, 1 / 4, 1 / 6];
  assert.ok(deltaError(deployed!, (site) => weightedDelta(trained, weights, site)) < 1e-5);
});

Deno.test("kmerge's final mean counts stored adapters or their members", async () => {
  for (
    const [final, weights] of [["groups", [1 / 2, 1 / 4, 1 / 4]], ["members", [1 / 3, 1 / 3, 1 / 3]]] as const
  ) {
    const { trained, deployed, facts } = await run(`kmerge:places=2,merge=delta,rank=null,final=${final}`, 3);
    const alone = (facts.members as number[][]).find(({ length }) => length === 1)![0]!;
    const order = [alone, ...[0, 1, 2].filter((task) => task !== alone)];
    const sorted = order.map((task) => trained[task]!);
    assert.ok(deltaError(deployed!, (site) => weightedDelta(sorted, weights, site)) < 1e-5);
  }
});

Deno.test("kmerge by factors keeps the rank and differs from ΔW's mean; in ΔW space it is cut to its rank", async () => {
  const factors = await run("kmerge:places=1", 3);
  const delta = await run("kmerge:places=1,merge=delta,rank=null", 3);
  const { pairs } = factors.last.stored[0]!.adapter;
  for (const { a } of Object.values(pairs)) assert.equal(a.shape[0], tinyLora.rank);
  assert.ok(deltaError(factors.deployed!, (site) => composeDelta(delta.deployed!, site)) > 0.01);
  const cut = await run("kmerge:places=1,merge=delta,rank=3", 2);
  const wanted = compress(concat(cut.trained, [0.5, 0.5]), 3);
  assert.ok(deltaError(cut.deployed!, (site) => composeDelta(wanted, site)) < 1e-5);
});

Deno.test("kmerge++ keeps places free for what is unlike all that is stored", async () => {
  const { facts: all } = await run("kmerge++:threshold=-1", 4);
  assert.deepEqual(all.members, [[0, 1, 2, 3]]);
  const { facts: none } = await run("kmerge++:threshold=1", 4);
  assert.deepEqual(none.members, [[0], [1], [2], [3]]);
});

Deno.test("kmerge++ compares with the median of the last 64 similarities of the stream", async () => {
  const { own } = await run("kmerge++:places=3", 30);
  const seen: number[] = [];
  for (const state of own.slice(1) as KMergeState[]) {
    const sorted = seen.slice(-64).sort((x, y) => x - y);
    const middle = sorted.length / 2;
    const median = sorted.length === 0
      ? null
      : Number.isInteger(middle)
      ? (sorted[middle - 1]! + sorted[middle]!) / 2
      : sorted[Math.floor(middle)]!;
    assert.equal(state.threshold, median);
    seen.push(...state.similarity);
    assert.ok(state.observed.length <= 64);
  }
});
