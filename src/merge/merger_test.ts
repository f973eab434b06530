import assert from "node:assert/strict";
import type { Executor } from "../executors/executor.ts";
import { createOnnxExecutor } from "../executors/onnx/executor.ts";
import { ProgramCache } from "../executors/program_cache.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import { createWebGpuExecutor } from "../executors/webgpu/executor.ts";
import { gpuTest } from "../executors/webgpu/testing.ts";
import type { Adapter } from "../nn/adapter.ts";
import { compress } from "./compress.ts";
import { average, concat } from "./concat.ts";
import { commonSites, composeDelta } from "./delta.ts";
import { createMerger, type Merger } from "./merger.ts";
import { scaleAdapter } from "./scale.ts";
import { deltaError, norm, randomAdapter, weightedDelta, zeroAdapter } from "./test_adapters.ts";

/** Above every smaller side of the test sites: factorising loses nothing. */
const FULL = 9;
const TOLERANCE = 1e-5;
/** Programs kept at a time. */
const KEPT = 8;

function near(found: Adapter, wanted: (site: string) => ArrayLike<number>, tolerance = TOLERANCE): void {
  const error = deltaError(found, wanted);
  assert.ok(error <= tolerance, `ΔW is ${error} off, wanted at most ${tolerance}`);
}

/** A law that must hold on every executor. */
function law(name: string, check: (merger: Merger) => Promise<void>): void {
  const checkOn = async (executor: Executor) => {
    const programs = new ProgramCache(executor, KEPT);
    await check(createMerger(programs));
    await programs.dispose();
  };
  for (const executor of [createReferenceExecutor(), onnx]) {
    Deno.test(`${name} (${executor.info.backend})`, () => checkOn(executor));
  }
  gpuTest(`${name} (webgpu)`, async (gpu) => checkOn(await createWebGpuExecutor({ gpu })));
}

const onnx = await createOnnxExecutor({ flavour: "auto" });

law("similarity() is the cosine of ΔW averaged over sites", async (merger) => {
  const adapters = [
    randomAdapter("a", { rank: 3, scale: 2 }),
    randomAdapter("b", { rank: 1 }),
    randomAdapter("c", { rank: 2, importance: 0.1 }),
  ];
  const found = await merger.similarity(adapters);
  const sites = commonSites(adapters);
  adapters.forEach((one, i) =>
    adapters.forEach((other, j) => {
      const cosines = sites.map((site) => {
        const [x, y] = [composeDelta(one, site), composeDelta(other, site)];
        return x.reduce((total, value, k) => total + value * y[k]!, 0) / (norm(x) * norm(y));
      });
      const wanted = cosines.reduce((total, value) => total + value) / sites.length;
      assert.ok(Math.abs(found[i]![j]! - wanted) < TOLERANCE, `${i},${j}: ${found[i]![j]} is not ${wanted}`);
    })
  );
});

law("gram() is the inner products of ΔW, whatever room its program has", async (merger) => {
  const adapters = [randomAdapter("a", { rank: 3, scale: 2 }), randomAdapter("b", { rank: 1 })];
  for (const room of [undefined, { count: 2, rank: 3 }, { count: 5, rank: 4 }]) {
    const grams = await merger.gram(adapters, room);
    commonSites(adapters).forEach((site, k) => {
      const deltas = adapters.map((adapter) => composeDelta(adapter, site));
      const wanted = deltas.map((x) =>
        deltas.map((y) => x.reduce((sum, value, i) => sum + value * y[i]!, 0))
      );
      assert.equal(grams[k]!.length, 2);
      wanted.flat().forEach((value, i) => {
        const found = grams[k]!.flat()[i]!;
        assert.ok(Math.abs(found - value) <= TOLERANCE * norm(wanted.flat()), `${found} is not ${value}`);
      });
    });
  }
});

law(
  "similarity() ignores lengths, turns with a negative importance, and is 0 for a zero adapter",
  async (merger) => {
    const adapter = randomAdapter("a");
    const [row] = await merger.similarity([
      adapter,
      scaleAdapter(adapter, 100),
      scaleAdapter(adapter, -0.01),
      concat([adapter, zeroAdapter("z")]),
      zeroAdapter("z"),
    ]);
    [1, 1, -1, 1, 0].forEach((wanted, i) =>
      assert.ok(Math.abs(row![i]! - wanted) < TOLERANCE, `${i}: ${row![i]}`)
    );
  },
);

law("prune() of factors keeps exactly the largest entries of each matrix", async (merger) => {
  const adapter = randomAdapter("a", { scale: 2, importance: 0.5 });
  const pruned = await merger.prune(adapter, 0.3, { space: "factors", balance: false });
  assert.deepEqual([pruned.scale, pruned.importance], [2, 0.5]);
  for (const site of commonSites([adapter])) {
    for (const factor of ["a", "b"] as const) {
      const before = adapter.pairs[site]![factor].data;
      const count = Math.round(0.3 * before.length);
      const least = [...before].map(Math.abs).sort((x, y) => y - x)[count - 1]!;
      const wanted = before.map((value) => Math.abs(value) >= least ? value : 0);
      assert.deepEqual(pruned.pairs[site]![factor].data, wanted);
    }
  }
});

law("prune() with keep 1 changes nothing and keeps at least one entry otherwise", async (merger) => {
  const adapter = randomAdapter("a");
  for (const space of ["factors", "delta"] as const) {
    assert.equal(await merger.prune(adapter, 1, { space, balance: true }), adapter);
  }
  const tiny = await merger.prune(adapter, 1e-9, { space: "factors", balance: false });
  for (const { a, b } of Object.values(tiny.pairs)) {
    assert.equal(a.data.filter((value) => value !== 0).length, 1);
    assert.equal(b.data.filter((value) => value !== 0).length, 1);
  }
  for (const keep of [0, -1, 1.01, NaN]) {
    await assert.rejects(
      merger.prune(adapter, keep, { space: "factors", balance: false }),
      /wanted a number in/,
    );
  }
});

law("prune() after balancing does not depend on how ΔW is split into factors", async (merger) => {
  const adapter = randomAdapter("a", { rank: 2 });
  const lengths = [8, 0.25];
  const skewed = Object.entries(adapter.pairs).map(([site, { a, b }]) => {
    const inputs = a.shape[1]!;
    return [site, {
      a: { ...a, data: a.data.map((value, i) => value * lengths[Math.floor(i / inputs)]!) },
      b: { ...b, data: b.data.map((value, i) => value / lengths[i % 2]!) },
    }] as const;
  });
  const other = { ...adapter, pairs: Object.fromEntries(skewed) };
  const prune = (from: Adapter, balance: boolean) => merger.prune(from, 0.4, { space: "factors", balance });
  const balanced = await prune(adapter, true);
  near(await prune(other, true), (site) => composeDelta(balanced, site));
  const plain = await prune(adapter, false);
  assert.ok(deltaError(await prune(other, false), (site) => composeDelta(plain, site)) > 0.1);
});

law(
  "prune() of the product keeps the largest entries of ΔW and fits them at the pair's rank",
  async (merger) => {
    // Rank 9 on paper, so that the fit is exact.
    const adapter = concat([randomAdapter("a", { rank: FULL, scale: 2 })], [0.5]);
    const pruned = await merger.prune({ ...adapter, importance: 3 }, 0.2, { space: "delta", balance: false });
    near(pruned, (site) => {
      const whole = composeDelta({ ...adapter, importance: 3 }, site);
      const count = Math.round(0.2 * whole.length);
      const least = [...whole].map(Math.abs).sort((x, y) => y - x)[count - 1]! * (1 - 1e-6);
      return whole.map((value) => Math.abs(value) >= least ? value : 0);
    });
    const small = await merger.prune(randomAdapter("b", { rank: 2 }), 0.2, {
      space: "delta",
      balance: false,
    });
    assert.deepEqual(small.pairs["0.q"]!.a.shape, [2, 5]);
  },
);

law(
  "ties() with keep 1 and agreeing signs is the mean; of identical adapters, the adapter",
  async (merger) => {
    const base = randomAdapter("a", { scale: 2 });
    const agreeing = [base, scaleAdapter(base, 3), scaleAdapter(base, 0.5)];
    const mean = average(agreeing);
    near(await merger.ties(agreeing, { keep: 1, rank: FULL }), (site) => composeDelta(mean, site));
    near(await merger.ties([base, base], { keep: 1 }), (site) => composeDelta(base, site));
    near(await merger.ties([base], { keep: 1, scale: -0.3 }), (site) => weightedDelta([base], [-0.3], site));
  },
);

law("ties() trims, elects and averages as the paper does", async (merger) => {
  const adapters = [
    randomAdapter("a", { rank: 1 }),
    randomAdapter("b", { rank: 3, importance: 0.5 }),
    randomAdapter("c"),
  ];
  const wanted = (site: string) => {
    const trimmed = adapters.map((adapter) => {
      const values = composeDelta(adapter, site);
      const count = Math.round(0.4 * values.length);
      const least = [...values].map(Math.abs).sort((x, y) => y - x)[count - 1]! * (1 - 1e-6);
      return values.map((value) => Math.abs(value) >= least ? value : 0);
    });
    return trimmed[0]!.map((_, k) => {
      const column = trimmed.map((values) => values[k]!);
      const sign = Math.sign(column.reduce((total, value) => total + value));
      const agreeing = column.filter((value) => value * sign > 0);
      return agreeing.length === 0 ? 0 : agreeing.reduce((x, y) => x + y) / agreeing.length;
    });
  };
  near(await merger.ties(adapters, { keep: 0.4, rank: FULL }), wanted);
  const [a, b, c] = adapters as [Adapter, Adapter, Adapter];
  near(await merger.ties([c, b, a], { keep: 0.4, rank: FULL }), wanted);
  near(await merger.ties([a, zeroAdapter("z")], { keep: 1, rank: FULL }), (site) => composeDelta(a, site));
});

law("ties() of full-rank results is close to the best fit of the asked rank", async (merger) => {
  const adapters = [randomAdapter("a"), randomAdapter("b")];
  const whole = await merger.ties(adapters, { keep: 0.5, rank: FULL });
  const best = compress(whole, 2);
  near(await merger.ties(adapters, { keep: 0.5 }), (site) => composeDelta(best, site), 1e-4);
});

law("dare() at rate 0 is the weighted sum, the mean by default", async (merger) => {
  const adapters = [randomAdapter("a", { rank: 1 }), randomAdapter("b", { importance: -0.5 })];
  near(
    await merger.dare(adapters, { rate: 0, seed: 1, rank: FULL }),
    (site) => weightedDelta(adapters, [0.5, 0.5], site),
  );
  near(
    await merger.dare(adapters, { rate: 0, seed: 1, weights: [2, -1], rank: FULL }),
    (site) => weightedDelta(adapters, [2, -1], site),
  );
  near(
    await merger.dare([adapters[0]!, adapters[0]!], { rate: 0, seed: 1, combine: "ties", rank: FULL }),
    (site) => composeDelta(adapters[0]!, site),
  );
});

law("dare() drops at random and rescales the rest, the same for the same seed", async (merger) => {
  const adapter = randomAdapter("a");
  const dare = (seed: number) => merger.dare([adapter], { rate: 0.4, seed, rank: FULL });
  const thinned = composeDelta(await dare(3), "0.q");
  const whole = composeDelta(adapter, "0.q");
  const dropped = thinned.filter((value) => Math.abs(value) < 1e-5).length;
  assert.ok(dropped > 3 && dropped < 25, `${dropped} of ${whole.length} entries are dropped`);
  thinned.forEach((value, i) => {
    assert.ok(Math.abs(value) < 1e-5 || Math.abs(value - whole[i]! / 0.6) < 1e-4, `${value} of ${whole[i]}`);
  });
  assert.deepEqual(await dare(3), await dare(3));
  assert.notDeepEqual(await dare(4), await dare(3));
  await assert.rejects(merger.dare([adapter], { rate: 1, seed: 0 }), /found rate 1, wanted/);
});

Deno.test("dare() drops about the rate and has the right mean", async () => {
  const merger = createMerger(new ProgramCache(createReferenceExecutor(), KEPT));
  const adapter = randomAdapter("a");
  const whole = composeDelta(adapter, "0.q");
  const sum = new Float64Array(whole.length);
  const draws = 200;
  let dropped = 0;
  for (let seed = 0; seed < draws; seed++) {
    const thinned = composeDelta(await merger.dare([adapter], { rate: 0.4, seed, rank: FULL }), "0.q");
    dropped += thinned.filter((value) => Math.abs(value) < 1e-5).length / (draws * whole.length);
    thinned.forEach((value, i) => sum[i]! += value / draws);
  }
  assert.ok(Math.abs(dropped - 0.4) < 0.02, `dropped ${dropped}`);
  const off = norm(whole.map((value, i) => value - sum[i]!)) / norm(whole);
  // √(rate / (1 - rate) / draws) = 0.058 is expected.
  assert.ok(off < 0.09, `the mean is ${off} off`);
});

Deno.test("createMerger() merges leave their inputs unchanged and accept concurrent calls", async () => {
  const programs = new ProgramCache(createReferenceExecutor(), KEPT);
  const merger = createMerger(programs);
  const adapters = [randomAdapter("a"), randomAdapter("b", { rank: 3 })];
  const before = structuredClone(adapters);
  const calls = () => [
    merger.similarity(adapters),
    merger.prune(adapters[0]!, 0.5, { space: "factors", balance: true }),
    merger.prune(adapters[1]!, 0.5, { space: "delta", balance: true }),
    merger.ties(adapters, { keep: 0.5 }),
    merger.dare(adapters, { rate: 0.5, seed: 1 }),
  ];
  const together = await Promise.all(calls());
  const apart = [];
  for (const call of calls()) apart.push(await call);
  assert.deepEqual(together, apart);
  assert.deepEqual(adapters, before);
  await programs.dispose();
});

Deno.test("createMerger() compiles a merge of known shapes once and disposes what it drops", async () => {
  const executor = createReferenceExecutor();
  let compiled = 0;
  let disposed = 0;
  const counting: Executor = {
    ...executor,
    async compile(program, states) {
      compiled++;
      const inner = await executor.compile(program, states);
      return { run: (inputs, read) => inner.run(inputs, read), dispose: () => void disposed++ };
    },
  };
  const programs = new ProgramCache(counting, KEPT);
  const merger = createMerger(programs);
  const prune = (keep: number) =>
    merger.prune(randomAdapter("a"), keep, { space: "factors", balance: false });
  await prune(0.5);
  await prune(0.5);
  assert.equal(compiled, 1);
  for (let i = 1; i <= 20; i++) await prune(i / 40);
  assert.ok(disposed > 0);
  await merger.dare([randomAdapter("a")], { rate: 0.5, seed: 1 });
  await programs.dispose();
  assert.equal(disposed, compiled);
});
