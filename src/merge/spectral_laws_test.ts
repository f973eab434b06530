/** What merges by singular values owe whatever the adapters are; their numbers are pinned beside the methods. */
import assert from "node:assert/strict";
import { Matrix } from "ml-matrix";
import { hostTensor } from "../core/tensors.ts";
import { ProgramCache } from "../executors/program_cache.ts";
import { createReferenceExecutor } from "../executors/reference/executor.ts";
import type { Adapter, LoraPair } from "../nn/adapter.ts";
import { concat } from "./concat.ts";
import { mergeCores } from "./core_space.ts";
import { commonSites, composeDelta, mapPairs } from "./delta.ts";
import { electedMean, trim } from "./entrywise.ts";
import { isotropic } from "./iso.ts";
import { align, knotsTies } from "./knots.ts";
import { createMerger } from "./merger.ts";
import { mergedFactors, type MergeSpace, opcmStep, protectedCount } from "./opcm.ts";
import { scaleAdapter } from "./scale.ts";
import {
  adapterOfFactors,
  type Factors,
  factorsAt,
  factorsOfSpectrum,
  polarFactor,
  spectrumOf,
  toArray,
  toMatrix,
} from "./spectrum.ts";
import { deltaError, randomAdapter, zeroAdapter } from "./test_adapters.ts";
import { tsvAdapters, tsvMerge } from "./tsv.ts";
import { mapUpdate, mergeUpdates } from "./update.ts";

type Merge = (adapters: readonly Adapter[]) => Adapter;

function bySite(adapters: readonly Adapter[], merge: (updates: readonly Factors[]) => Factors): Adapter {
  const merged = commonSites(adapters).map((site) =>
    [site, merge(adapters.map((adapter) => factorsAt(adapter, site)))] as const
  );
  return adapterOfFactors(Object.fromEntries(merged));
}

const opcm = (space: MergeSpace): Merge => (adapters) => {
  const sites = commonSites(adapters);
  const updates = adapters.map((adapter) =>
    Object.fromEntries(sites.map((site) => [site, factorsAt(adapter, site)]))
  );
  const [first, ...others] = updates;
  const options = { share: 0.5, boundary: "open" as const, space };
  const state = others.reduce(
    (state, update) => opcmStep(state, update, options),
    opcmStep(undefined, first!, options),
  );
  return adapterOfFactors(
    Object.fromEntries(Object.entries(state.sites).map(([site, update]) => [site, mergedFactors(update)])),
  );
};
const knots: Merge = (adapters) => knotsTies(adapters, { keep: 0.4, scale: 1, over: "site" });
const knotsModel: Merge = (adapters) => knotsTies(adapters, { keep: 0.4, scale: 1, over: "model" });
const tsv: Merge = (adapters) => tsvAdapters(adapters, { triplets: null, scale: 1 });
const tsvTwo: Merge = (adapters) => tsvAdapters(adapters, { triplets: 2, scale: 1 });
const sum = (updates: readonly Factors[]): Matrix =>
  updates.map(({ left, right }) => left.mmul(right)).reduce((total, update) => Matrix.add(total, update));
const isoOf = (updates: readonly Factors[]) => {
  const dense = sum(updates);
  return factorsOfSpectrum(isotropic(spectrumOf({ left: dense, right: Matrix.eye(dense.columns) })));
};
const iso: Merge = (adapters) => bySite(adapters, isoOf);
const coreTies: Merge = (adapters) =>
  mergeCores(adapters, (cores) => mergeUpdates(cores.map((core) => trim(core, 0.4, "site")), electedMean));

const merges: Readonly<Record<string, Merge>> = {
  "opcm core": opcm("core"),
  "opcm dense": opcm("dense"),
  knots,
  "knots over the model": knotsModel,
  tsv,
  "tsv of two triplets": tsvTwo,
  iso,
  "core ties": coreTies,
};

const mixed = [
  randomAdapter("a", { rank: 1, scale: 3 }),
  randomAdapter("b", { rank: 3, importance: 0.2 }),
  randomAdapter("c", { rank: 2, importance: -1 }),
];
const sameAs = (adapter: Adapter) => (site: string) => composeDelta(adapter, site);
const near = (found: Adapter, wanted: Adapter, what: string) => {
  const error = deltaError(found, sameAs(wanted));
  assert.ok(error <= 2e-6, `${what}: ΔW is ${error} off`);
};

for (const [name, merge] of Object.entries(merges)) {
  Deno.test(`${name} commutes with scaling, and with a turn of signs`, () => {
    for (const factor of [2.5, -1]) {
      const scaled = mixed.map((adapter) => scaleAdapter(adapter, factor));
      near(merge(scaled), scaleAdapter(merge(mixed), factor), `${factor}`);
    }
  });

  Deno.test(`${name} gives zero for zero adapters, and finite numbers with some`, () => {
    const zeros = merge([zeroAdapter("a"), zeroAdapter("b", 3)]);
    for (const site of commonSites(mixed)) assert.ok(composeDelta(zeros, site).every((value) => value === 0));
    for (const adapters of [[zeroAdapter("z"), ...mixed], [...mixed, zeroAdapter("z")]]) {
      assert.ok(deltaError(merge(adapters), sameAs(mixed[0]!)) < 1e3);
    }
  });

  Deno.test(`${name} changes no adapter that it is given`, () => {
    const before = JSON.stringify(mixed);
    merge(mixed);
    assert.equal(JSON.stringify(mixed), before);
  });
}

for (const name of ["knots", "knots over the model", "tsv of two triplets", "iso", "core ties"]) {
  Deno.test(`${name} does not depend on the order of adapters, nor on those that are zero`, () => {
    const merge = merges[name]!;
    near(merge([mixed[2]!, mixed[0]!, mixed[1]!]), merge(mixed), "order");
    // In core space its A has a say in the basis, which looks at factors.
    if (name !== "core ties") {
      near(merge([mixed[0]!, zeroAdapter("z"), mixed[1]!, mixed[2]!]), merge(mixed), "zero");
    }
  });
}

Deno.test("opcm depends on the order of adapters: the first is not cleaned", () => {
  const turned = opcm("core")([mixed[2]!, mixed[0]!, mixed[1]!]);
  assert.ok(deltaError(turned, sameAs(opcm("core")(mixed))) > 0.05);
});

for (const name of ["opcm core", "opcm dense", "knots", "tsv", "iso"]) {
  Deno.test(`${name} looks at updates and not at how they are factored`, () => {
    // (B C)(C⁻¹ A) with C = [[2, 1], [0, 1]].
    const pair = randomAdapter("p");
    const turned = mapPairs(pair, ({ a, b }: LoraPair) => {
      const [inputs, outputs] = [a.shape[1]!, b.shape[0]!];
      const [left, right] = [toMatrix(b.data, outputs, 2), toMatrix(a.data, 2, inputs)];
      const turn = new Matrix([[2, 1], [0, 1]]);
      const back = new Matrix([[0.5, -0.5], [0, 1]]);
      return {
        a: hostTensor(a.shape, Float32Array.from(back.mmul(right).to1DArray())),
        b: hostTensor(b.shape, Float32Array.from(left.mmul(turn).to1DArray())),
      };
    });
    const merge = merges[name]!;
    // Entries that are trimmed must not tie within rounding, so this is looser.
    assert.ok(deltaError(merge([turned, ...mixed]), sameAs(merge([pair, ...mixed]))) < 1e-5);
  });
}

Deno.test("opcm keeps the diagonal and the protected block free of new updates", () => {
  const [one, two] = mixed as [Adapter, Adapter, Adapter];
  for (const site of commonSites(mixed)) {
    const tau = spectrumOf(factorsAt(one, site));
    const merged = opcm("core")([one, two]);
    const u = toMatrix(tau.u, tau.outputs, tau.s.length);
    const v = toMatrix(tau.v, tau.inputs, tau.s.length);
    const { left, right } = factorsAt(merged, site);
    const seen = u.transpose().mmul(left).mmul(right).mmul(v);
    // One triplet: what is left of τ in its own direction is τ, up to the common rescaling.
    const others = commonSites(mixed).map((other) => {
      const { s, ...rest } = spectrumOf(factorsAt(one, other));
      const found = factorsAt(merged, other);
      const value = toMatrix(rest.u, rest.outputs, 1).transpose().mmul(found.left).mmul(found.right)
        .mmul(toMatrix(rest.v, rest.inputs, 1)).get(0, 0);
      return value / s[0]!;
    });
    assert.ok(others.every((ratio) => Math.abs(ratio / others[0]! - 1) < 1e-5), `${others}`);
    assert.equal(seen.rows, 1);
  }
});

Deno.test("protectedCount() counts the leading values whose sum stays within the share", () => {
  const shares = [0, 0.3, 0.4, 0.69, 0.7, 0.95, 1];
  const counts = (boundary: "open" | "protected") =>
    shares.map((share) => protectedCount([4, 3, 2, 1], { share, boundary }));
  assert.deepEqual(counts("open"), [0, 0, 1, 1, 2, 3, 4]);
  assert.deepEqual(counts("protected"), [1, 1, 2, 2, 3, 4, 4]);
  assert.equal(protectedCount([], { share: 0.5, boundary: "open" }), 0);
});

Deno.test("knots is the weighted sum where nothing is trimmed and signs agree, and TIES on equal bases", async () => {
  const one = randomAdapter("a");
  near(knotsTies([one, one], { keep: 1, scale: 1, over: "site" }), one, "equal adapters");

  // Rows with no columns in common, of different lengths: the common basis is the standard one.
  const updates = [0, 1, 2].map((t): Adapter => {
    const full = hostTensor([4, 8]);
    for (let row = 0; row < 4; row++) {
      for (const column of [2 * row, 2 * row + 1]) {
        full.data[row * 8 + column] = Math.sin(1 + row + 3 * column + 7 * t) * (4 - row);
      }
    }
    const identity = hostTensor([4, 4], Float32Array.from({ length: 16 }, (_, i) => i % 5 === 0 ? 1 : 0));
    return { scale: 1, importance: 1, pairs: { "0.q": { a: full, b: identity } } };
  });
  const { basis } = align(updates.map((adapter) => factorsAt(adapter, "0.q")));
  for (const value of basis.to1DArray()) {
    assert.ok(Math.min(Math.abs(value), Math.abs(Math.abs(value) - 1)) < 1e-12);
  }
  const programs = new ProgramCache(createReferenceExecutor(), 8);
  for (const keep of [0.15, 0.2, 1]) {
    const ties = await createMerger(programs).ties(updates, { keep, scale: 0.7, rank: 8 });
    const found = knotsTies(updates, { keep, scale: 0.7, over: "site" });
    assert.ok(deltaError(found, sameAs(ties)) < 1e-5, `${keep}`);
  }
  await programs.dispose();
});

Deno.test("align() gives ΔW back, in a basis that is orthonormal and no larger than it must be", () => {
  for (const site of commonSites(mixed)) {
    const { basis, parts } = align(mixed.map((adapter) => factorsAt(adapter, site)));
    assert.equal(basis.columns, Math.min(basis.rows, 6));
    const gram = basis.transpose().mmul(basis).sub(Matrix.eye(basis.columns));
    assert.ok(gram.norm() < 1e-12);
    mixed.forEach((adapter, t) => {
      const delta = composeDelta(adapter, site);
      const { shape, data } = parts[t]!;
      const back = basis.mmul(toMatrix(data, shape[0]!, shape[1]!)).to1DArray();
      assert.ok(back.every((value, i) => Math.abs(value - delta[i]!) < 1e-12));
    });
  }
});

Deno.test("tsv merges orthogonal updates into their sum, and equal ones into themselves", () => {
  const part = (row: number): Adapter => {
    const [a, b] = [hostTensor([1, 5]), hostTensor([7, 1])];
    [a.data[row], b.data[row + 1]] = [2, 3];
    return { scale: 1, importance: 1, pairs: { "0.q": { a, b } } };
  };
  near(tsv([part(0), part(1), part(3)]), concat([part(0), part(1), part(3)]), "orthogonal");
  const one = randomAdapter("a");
  near(tsvTwo([one, one, one]), one, "equal");
});

Deno.test("polarFactor() has orthonormal columns where it can, and zero directions stay zero", () => {
  const { left } = factorsAt(randomAdapter("a", { rank: 3 }), "0.q");
  const factor = polarFactor(left);
  assert.ok(factor.transpose().mmul(factor).sub(Matrix.eye(3)).norm() < 1e-12);
  // The nearest: its product with the matrix is symmetric and positive.
  const product = factor.transpose().mmul(left);
  assert.ok(Matrix.sub(product, product.transpose()).norm() < 1e-12 && product.trace() > 0);
  assert.equal(polarFactor(Matrix.zeros(3, 2)).norm(), 0);
});

Deno.test("cores lose nothing: sums, tsv and iso are the same in core space", () => {
  const inCore = (merge: (updates: readonly Factors[]) => Factors) =>
    mergeCores(mixed, (cores) =>
      mapUpdate(cores[0]!, (_, site, shape) => {
        const [rows, columns] = shape as [number, number];
        const updates = cores.map((core) => ({
          left: toMatrix(core[site]!.data, rows, columns),
          right: Matrix.eye(columns),
        }));
        const { left, right } = merge(updates);
        return toArray(left.mmul(right));
      }));
  const options = { triplets: 2, scale: 1 };
  near(
    inCore((updates) => ({ left: sum(updates), right: Matrix.eye(updates[0]!.right.columns) })),
    concat(mixed),
    "sum",
  );
  near(inCore((updates) => tsvMerge(updates, options)), tsvTwo(mixed), "tsv");
  near(inCore(isoOf), iso(mixed), "iso");
});
