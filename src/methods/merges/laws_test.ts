/** What merges owe, each law for the methods for which it holds; always of the update, never of its factors. */
import assert from "node:assert/strict";
import { concat } from "../../merge/concat.ts";
import { composeDelta } from "../../merge/delta.ts";
import { deltaError, norm, weightedDelta } from "../../merge/test_adapters.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { tinyLora } from "../test_kit.ts";
import { mergeOf, times, tinyAdapter } from "./test_adapters.ts";

const TOLERANCE = 1e-5;

/** Options with which a merge of one update is that update. */
const plain = [
  "taskarith",
  "average",
  "average:space=delta",
  "ema",
  "ties:keep=1",
  "magmax:lambda=1",
  "dare:rate=0",
  "dare-ties:rate=0",
  "breadcrumbs:low=0,high=0",
  "model-stock",
  "della:rate=0,spread=0",
  "lines",
  "emr",
  "emr:rescale=none",
];
/** All defaults. */
const defaults = [
  ...["average:space=delta", "ema", "ties", "ties:trim=model", "magmax", "dare", "dare-ties"],
  ...["breadcrumbs", "model-stock", "della", "lines", "emr", "taskarith"],
];
/** Those whose result knows the order of the tasks: by rule, or by the draws that belong to a task. */
const ordered = ["ema", "dare", "dare-ties", "della"];

const [a, b, c] = ["a", "b", "c"].map((label) => tinyAdapter(label)) as [Adapter, Adapter, Adapter];

function near(found: Adapter, wanted: (site: string) => ArrayLike<number>, what: string): void {
  const error = deltaError(found, wanted);
  assert.ok(error <= TOLERANCE, `${what}: ΔW is ${error} off`);
}

function same(adapter: Adapter) {
  return (site: string) => composeDelta(adapter, site);
}

function assertZero(adapter: Adapter, what: string): void {
  for (const site of Object.keys(adapter.pairs)) {
    const length = norm(composeDelta(adapter, site));
    assert.ok(length < 1e-5, `${what}: ${site} has length ${length}`);
  }
}

for (const spec of plain) {
  Deno.test(`${spec} of one adapter is that adapter`, async () => {
    near(await mergeOf(spec, [a]), same(a), spec);
  });
}

for (const spec of plain.filter((spec) => spec !== "lines")) {
  Deno.test(`${spec} of equal adapters is that adapter`, async () => {
    near(await mergeOf(spec, [a, a, a]), same(a), spec);
  });
}

for (const spec of [...defaults, ...plain]) {
  if (ordered.includes(spec)) {
    Deno.test(`${spec} depends on the order of the tasks`, async () => {
      const turned = await mergeOf(spec, [c, a, b]);
      assert.ok(deltaError(await mergeOf(spec, [a, b, c]), same(turned)) > 0.05);
    });
  } else {
    Deno.test(`${spec} does not depend on the order of the tasks`, async () => {
      near(await mergeOf(spec, [a, b, c]), same(await mergeOf(spec, [c, a, b])), spec);
    });
  }
}

for (const spec of defaults) {
  Deno.test(`${spec} of multiples, negative ones too, is the multiple`, async () => {
    const merged = await mergeOf(spec, [a, b, c]);
    for (const factor of [4, -0.5]) {
      const multiples = [a, b, c].map((adapter) => times(adapter, factor));
      near(await mergeOf(spec, multiples), same(times(merged, factor)), `${spec} times ${factor}`);
    }
  });

  Deno.test(`${spec} knows updates, not how they are factored, and mixes ranks`, async () => {
    const wanted = await mergeOf(spec, [a, b, c]);
    // The same update at rank 3, from factors that are not those of a: two halves, and a component of zeros.
    const padded = times(tinyAdapter("padding", 1), 0);
    const halves = (adapter: Adapter): Adapter => {
      const { pairs } = concat([adapter, padded], [0.5, 1]);
      return {
        scale: tinyLora.scale,
        importance: 1,
        pairs: times({ scale: 1, importance: 1, pairs }, 4).pairs,
      };
    };
    near(halves(a), same(a), "the other factors");
    near(await mergeOf(spec, [halves(a), b, c]), same(wanted), spec);
  });
}

Deno.test("average of factors mixes no ranks and does know how an update is factored", async () => {
  await assert.rejects(mergeOf("average", [a, tinyAdapter("b", 1)]), /found ranks 2 and 1/);
  // B / 2 and 2 A are the same update.
  const doubled: Adapter = {
    ...a,
    pairs: Object.fromEntries(
      Object.entries(times(a, 0.5).pairs).map(([site, { a, b }]) =>
        [site, { a: { ...a, data: a.data.map((value) => value * 2) }, b }] as const
      ),
    ),
  };
  near(doubled, same(a), "the other factors");
  assert.ok(
    deltaError(await mergeOf("average", [doubled, b]), same(await mergeOf("average", [a, b]))) > 0.05,
  );
});

Deno.test("merges of an update and its negative", async () => {
  const cancelled = [
    "taskarith",
    "average",
    "ties:keep=1",
    "dare:rate=0",
    "dare-ties:rate=0",
    "lines",
    "emr",
  ];
  for (const spec of [...cancelled, "breadcrumbs", "model-stock", "della:rate=0,spread=0", "ema:alpha=0.5"]) {
    assertZero(await mergeOf(spec, [a, times(a, -1)]), spec);
  }
  // The later one wins where magnitudes tie.
  near(await mergeOf("magmax:lambda=1", [a, times(a, -1)]), same(times(a, -1)), "magmax");
  near(await mergeOf("ema:alpha=0.3", [a, times(a, -1)]), same(times(a, 0.4)), "ema");
});

/** What becomes of a where another task's update is zero. */
const besideZero: Readonly<Record<string, number>> = {
  taskarith: 1 / 2,
  average: 1 / 4 * 2,
  "average:space=delta": 1 / 2,
  ema: 0.7,
  "ties:keep=1": 1,
  "magmax:lambda=1": 1,
  "dare:rate=0": 1 / 2,
  "dare-ties:rate=0": 1,
  "breadcrumbs:low=0,high=0": 1 / 2,
  "model-stock": 0,
  "della:rate=0,spread=0": 1,
  emr: 1,
};
for (const [spec, factor] of Object.entries(besideZero)) {
  Deno.test(`${spec} of an adapter and zero is ${factor} of it`, async () => {
    // Zero as a fresh adapter is: A stays.
    const merged = await mergeOf(spec, [a, times(a, 0)]);
    if (factor === 0) assertZero(merged, spec);
    else near(merged, same(times(a, factor)), spec);
    const [zero] = [await mergeOf(spec, [times(a, 0), times(a, 0)])];
    assertZero(zero, spec);
  });
}

Deno.test("switches meet where they should", async () => {
  const mean = (site: string) => weightedDelta([a, b, c], [1 / 3, 1 / 3, 1 / 3], site);
  for (const spec of ["taskarith", "average:space=delta", "dare:rate=0", "breadcrumbs:low=0,high=0"]) {
    near(await mergeOf(spec, [a, b, c]), mean, spec);
  }
  near(await mergeOf("lines:beta=0", [a, b, c]), mean, "lines");
  const all = await mergeOf("ties:keep=1", [a, b, c]);
  near(await mergeOf("dare-ties:rate=0", [a, b, c]), same(all), "dare-ties");
  near(await mergeOf("della:rate=0,spread=0", [a, b, c]), same(all), "della");
  near(
    await mergeOf("della:spread=0", [a, b, c]),
    same(await mergeOf("dare-ties", [a, b, c])),
    "della without spread",
  );
  near(await mergeOf("ema:alpha=1", [a, b, c]), same(c), "ema at 1");
  near(await mergeOf("breadcrumbs:low=0.8,high=0", [a]), same(await mergeOf("ties:keep=0.2", [a])), "bands");
});

Deno.test("dare is unbiased: its mean over seeds is the mean update", async () => {
  const seeds = 400;
  const site = "0.q";
  const wanted = weightedDelta([a, b], [0.5, 0.5], site);
  const mean = new Float64Array(wanted.length);
  for (let seed = 0; seed < seeds; seed++) {
    composeDelta(await mergeOf("dare", [a, b], seed), site).forEach((value, i) => mean[i]! += value / seeds);
  }
  const off = norm(mean.map((value, i) => value - wanted[i]!));
  // Each entry has variance Σ (τ/2)² rate / (1 - rate) / seeds.
  const expected = Math.hypot(norm(composeDelta(a, site)), norm(composeDelta(b, site))) / 2 /
    Math.sqrt(seeds);
  assert.ok(off < 1.3 * expected, `${off} off, expected ${expected}`);
  assert.ok(off > 0.7 * expected, `${off} off, expected ${expected}: are the draws the same for all seeds?`);
});

for (const spec of ["ties", "magmax", "dare", "dare-ties", "breadcrumbs", "della", "emr"]) {
  Deno.test(`${spec} deploys the best fit where rankCap says so`, async () => {
    const whole = await mergeOf(spec, [a, b]);
    const cut = await mergeOf(`${spec}:rankCap=2`, [a, b]);
    for (const [site, pair] of Object.entries(cut.pairs)) {
      assert.equal(pair.a.shape[0], 2);
      const [found, full] = [composeDelta(cut, site), composeDelta(whole, site)];
      const left = norm(full.map((value, i) => value - found[i]!));
      // The best fit is orthogonal to what it leaves.
      assert.ok(Math.abs(norm(found) ** 2 + left ** 2 - norm(full) ** 2) < 1e-4 * norm(full) ** 2, site);
      assert.ok(left > 0.05 * norm(full), site);
    }
  });
}
