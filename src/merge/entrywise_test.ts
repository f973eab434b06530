import assert from "node:assert/strict";
import { hash32, hashToUnit } from "../core/rng.ts";
import { createOnnxExecutor } from "../executors/onnx/executor.ts";
import { ProgramCache } from "../executors/program_cache.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { composeDelta } from "./delta.ts";
import {
  dropByRank,
  dropRescale,
  electedLargest,
  electedMean,
  keepBand,
  larger,
  trim,
  weightedSum,
} from "./entrywise.ts";
import { innerProduct } from "./inner.ts";
import { createMerger } from "./merger.ts";
import { deltaError, randomAdapter } from "./test_adapters.ts";
import { adapterOf, mergeUpdates, roundUpdate, type Update, updateOf, widenUpdate } from "./update.ts";

const of = (...values: number[]) => Float64Array.of(...values);
const update = (sites: Record<string, number[]>): Update =>
  Object.fromEntries(
    Object.entries(sites).map(([site, data]) =>
      [site, { shape: [1, data.length], data: of(...data) }] as const
    ),
  );

Deno.test("trim() keeps the largest entries of each site, or of all sites together", () => {
  const given = update({ "0.q": [5, -1, 2, -4], "0.v": [0.5, -0.1, 0.2, -0.4] });
  const kept = (over: "site" | "model") => {
    const found = trim(given, 0.5, over);
    return [[...found["0.q"]!.data], [...found["0.v"]!.data]];
  };
  assert.deepEqual(kept("site"), [[5, 0, 0, -4], [0.5, 0, 0, -0.4]]);
  assert.deepEqual(kept("model"), [[5, -1, 2, -4], [0, 0, 0, 0]]);
  assert.deepEqual([...trim(given, 1e-9, "site")["0.q"]!.data], [5, 0, 0, 0]);
  // What ties with the smallest that is kept stays.
  assert.deepEqual([...trim(update({ x: [3, -3, 1, 3] }), 0.5, "site")["x"]!.data], [3, -3, 0, 3]);
});

Deno.test("keepBand() drops both ends of the magnitudes", () => {
  const entries = of(10, -1, 2, -8, 3, 4, -5, 6, 7, -9);
  assert.deepEqual([...keepBand(entries, 0.5, 0.1)], [0, 0, 0, -8, 0, 0, 0, 6, 7, -9]);
  assert.deepEqual([...keepBand(entries, 0, 0.2)], [0, -1, 2, -8, 3, 4, -5, 6, 7, 0]);
  assert.deepEqual([...keepBand(entries, 0, 0)], [...entries]);
  assert.deepEqual([...keepBand(of(1, 2), 0.99, 0)], [0, 2]);
  assert.deepEqual([...keepBand(of(7), 0.5, 0.49)], [7]);
});

Deno.test("electedMean() and electedLargest() take entries that have the sign of the sum", () => {
  // Elected: + (mass 6 of 8), - (the sum of 1 + 2 - 4), none, + (a zero has no vote).
  const stack = [of(4, 1, 1, 0), of(-2, 2, -1, 3), of(2, -4, 0, 5)];
  assert.deepEqual([...electedMean(stack)], [3, -4, 0, 4]);
  assert.deepEqual([...electedLargest(stack)], [4, -4, 0, 5]);
});

Deno.test("larger() takes the later entry where magnitudes tie", () => {
  assert.deepEqual([...larger(of(1, -3, 2, 0), of(-2, 1, -2, 0))], [-2, -3, -2, 0]);
});

Deno.test("weightedSum() adds up with weights", () => {
  assert.deepEqual([...weightedSum([of(1, 2), of(3, -1)], [2, -1])], [-1, 5]);
});

Deno.test("dropRescale() drops where the hash says so", () => {
  const entries = of(1, 2, 3, 4, 5, 6);
  const wanted = entries.map((value, i) => hashToUnit(hash32(9, i)) < 0.25 ? 0 : value / 0.75);
  assert.deepEqual(dropRescale(entries, 0.25, 9), wanted);
  assert.deepEqual(dropRescale(entries, 0, 9), entries);
});

Deno.test("dropByRank() drops an entry with the probability of its rank and has the right mean", () => {
  // In each row: largest, smallest, middle. Rates 0.3, 0.7, 0.5.
  const entries = of(9, -1, 2, -0.3, 0.1, 0.2);
  const rates = [0.3, 0.7, 0.5, 0.3, 0.7, 0.5];
  const draws = 20_000;
  const dropped = new Float64Array(6);
  const mean = new Float64Array(6);
  for (let seed = 0; seed < draws; seed++) {
    dropByRank(entries, 3, { rate: 0.5, spread: 0.4, seed }).forEach((value, i) => {
      if (value === 0) dropped[i]! += 1 / draws;
      else assert.ok(Math.abs(value - entries[i]! / (1 - rates[i]!)) < 1e-12, `${value} of ${entries[i]}`);
      mean[i]! += value / draws;
    });
  }
  rates.forEach((rate, i) => {
    assert.ok(Math.abs(dropped[i]! - rate) < 0.015, `${i} is dropped at ${dropped[i]}, wanted ${rate}`);
    assert.ok(Math.abs(mean[i]! / entries[i]! - 1) < 0.05, `${i} has mean ${mean[i]} of ${entries[i]}`);
  });
  assert.deepEqual(dropByRank(of(2), 1, { rate: 0, spread: 0, seed: 1 }), of(2));
});

Deno.test("updates go through adapters and tensors unharmed", () => {
  const adapter = randomAdapter("a", { rank: 3, scale: 2, importance: -0.5 });
  const given = updateOf(adapter);
  for (const found of [adapterOf(given, null), adapterOf(widenUpdate(roundUpdate(given)), 3)]) {
    assert.ok(deltaError(found, (site) => composeDelta(adapter, site)) < 1e-6);
  }
  for (const [site, { a, b }] of Object.entries(adapterOf(given, null).pairs)) {
    assert.deepEqual([b.shape[0], a.shape[1]], [...given[site]!.shape]);
  }
});

Deno.test("innerProduct() is that of the composed updates, for mixed ranks and gains", () => {
  const one = randomAdapter("a", { rank: 1, scale: 3 });
  const other = randomAdapter("b", { rank: 4, importance: -0.2 });
  for (const site of Object.keys(one.pairs)) {
    const [x, y] = [composeDelta(one, site), composeDelta(other, site)];
    const wanted = x.reduce((total, value, i) => total + value * y[i]!, 0);
    assert.ok(Math.abs(innerProduct(one, other, site) - wanted) < 1e-9 * Math.abs(wanted) + 1e-12);
  }
});

for (const executor of [createReferenceExecutor(), await createOnnxExecutor({ flavour: "auto" })]) {
  Deno.test(`the programs for TIES and DARE find what the host finds (${executor.info.backend})`, async () => {
    const programs = new ProgramCache(executor, 8);
    const merger = createMerger(programs);
    const adapters = [
      randomAdapter("a", { rank: 1 }),
      randomAdapter("b", { importance: -0.5 }),
      randomAdapter("c"),
    ];
    const trimmed = adapters.map((adapter) => trim(updateOf(adapter), 0.4, "site"));
    const elected = adapterOf(mergeUpdates(trimmed, electedMean), null);
    const found = await merger.ties(adapters, { keep: 0.4, rank: 9 });
    assert.ok(deltaError(found, (site) => composeDelta(elected, site)) < 1e-5);
    const whole = adapterOf(
      mergeUpdates(adapters.map(updateOf), (stack) => weightedSum(stack, [1 / 3, 1 / 3, 1 / 3])),
      null,
    );
    const dared = await merger.dare(adapters, { rate: 0, seed: 1, rank: 9 });
    assert.ok(deltaError(dared, (site) => composeDelta(whole, site)) < 1e-5);
    await programs.dispose();
  });
}
