import assert from "node:assert/strict";
import { composeDelta } from "../../merge/delta.ts";
import type { OpcmState } from "../../merge/opcm.ts";
import { spectrumOf, toMatrix } from "../../merge/spectrum.ts";
import { deltaError } from "../../merge/test_adapters.ts";
import { type Adapter, orderSites } from "../../nn/adapter.ts";
import { createMethod } from "../mod.ts";
import { randomStep, runMethod } from "../test_kit.ts";
import { assertClose, assertDelta, expected, givenAdapters, runGiven } from "./test_expected.ts";

const sameAs = (adapter: Adapter | undefined) => (site: string) => composeDelta(adapter!, site);

Deno.test("opcm rotates, cleans, adds and rescales as NumPy does, over three steps, in both forms", async () => {
  for (const [options, steps] of Object.entries(expected.opcm)) {
    for (const space of ["core", "dense"]) {
      for (const [i, { stretch, meanNorm, delta }] of steps.entries()) {
        const spec = `opcm:${options},space=${space}`;
        const { own, deployed } = await runGiven(spec, i + 2);
        const { merged } = own.at(-1) as unknown as { readonly merged: OpcmState };
        assertClose([merged.stretch, merged.meanNorm], [stretch, meanNorm], 1e-10, `${spec} after ${i + 2}`);
        assertDelta(deployed, delta, `${spec} after ${i + 2}`);
      }
    }
  }
});

Deno.test("opcm's two forms agree past the rank at which they grow together", async () => {
  const run = (space: string) => runMethod(createMethod(`opcm:space=${space}`), { tasks: 7 });
  const [core, dense] = [await run("core"), await run("dense")];
  assert.ok(deltaError(core.deployed!, sameAs(dense.deployed)) < 2e-6);
});

Deno.test("opcm deploys at the mean length of the updates", async () => {
  const { own, deployed, trained } = await runMethod(createMethod("opcm"), { tasks: 5 });
  const length = (adapter: Adapter) =>
    Math.hypot(...Object.keys(adapter.pairs).flatMap((site) => [...composeDelta(adapter, site)]));
  const mean = trained.reduce((total, adapter) => total + length(adapter), 0) / 5;
  assertClose([length(deployed!)], [mean], 1e-6, "length");
  const { merged } = own.at(-1) as unknown as { readonly merged: OpcmState };
  assert.ok(merged.stretch > 1.5 && merged.stretch < 3, `${merged.stretch} is not about √5`);
});

Deno.test("knots-ties aligns, trims, elects and rebuilds as NumPy does", async () => {
  assertDelta((await runGiven("knots-ties", 4)).deployed, expected.knots.site, "trim=site");
  const model = await runGiven("knots-ties:trim=model,keep=0.4,lambda=1", 4);
  assertDelta(model.deployed, expected.knots.model, "trim=model");
});

Deno.test("tsv orthogonalises singular vectors as NumPy's polar factors do", async () => {
  assertDelta((await runGiven("tsv", 4)).deployed, expected.tsv.share, "share");
  assertDelta((await runGiven("tsv:triplets=1,lambda=2", 3)).deployed, expected.tsv.one, "one triplet");
});

Deno.test("iso-c gives the sum equal singular values, which are NumPy's mean", async () => {
  const { deployed } = await runGiven("iso-c:lambda=0.7", 3);
  assertDelta(deployed, expected.iso.delta, "iso-c");
  for (const [site, sigma] of Object.entries(expected.iso.sigma)) {
    const outputs = deployed!.pairs[site]!.b.shape[0]!;
    const values = composeDelta(deployed!, site);
    const delta = toMatrix(values, outputs, values.length / outputs);
    const { s } = spectrumOf({
      left: delta,
      right: toMatrix(identity(delta.columns), delta.columns, delta.columns),
    });
    const moved = s.filter((value) => value > 1e-3 * sigma);
    assert.equal(moved.length, 6);
    moved.forEach((value) => assertClose([value], [sigma], 1e-6, site));
  }
});

function identity(size: number): number[] {
  return Array.from({ length: size * size }, (_, i) => i % (size + 1) === 0 ? 1 : 0);
}

Deno.test("iso-c's λ is 1 / √t by default", async () => {
  const [own, given] = [await runGiven("iso-c", 4), await runGiven("iso-c:lambda=0.5", 4)];
  assert.ok(deltaError(own.deployed!, sameAs(given.deployed)) < 1e-12);
});

Deno.test("core-space merges cores by TIES as NumPy does", async () => {
  const { deployed } = await runGiven("core-space:keep=0.5,lambda=1", 4);
  assertDelta(deployed, expected.coreTies, "core-space");
});

Deno.test("core-space drops entries of cores and keeps their mean", async () => {
  const none = await runGiven("core-space:rule=dare,rate=0,lambda=1", 4);
  const mean = await runGiven("taskarith", 4);
  assert.ok(deltaError(none.deployed!, sameAs(mean.deployed)) < 1e-6);
  const half = await runGiven("core-space:rule=dare,rate=0.5,lambda=1", 4);
  assert.ok(deltaError(half.deployed!, sameAs(mean.deployed)) > 0.1);
});

Deno.test("merges of singular values leave one adapter as it is, where nothing trims it", async () => {
  for (
    const spec of [
      "opcm",
      "opcm:space=dense",
      "knots-ties:keep=1,lambda=1",
      "tsv",
      "core-space:keep=1,lambda=1",
    ]
  ) {
    const { deployed } = await runGiven(spec, 1);
    assert.ok(deltaError(deployed!, sameAs(givenAdapters[0])) < 1e-6, spec);
  }
});

Deno.test("merges of singular values start tasks as they are told", async () => {
  for (const name of ["opcm", "knots-ties", "tsv", "iso-c", "regmean", "lorm", "core-space"]) {
    for (const start of ["fresh", "shared", "sequential"]) {
      const starts: Adapter[] = [];
      const { trained } = await runMethod(createMethod(`${name}:start=${start}`), {
        tasks: 3,
        train: randomStep(),
        onTraining: (training) => void starts.push(orderSites(training.start)),
      });
      const [first, second, third] = starts as [Adapter, Adapter, Adapter];
      const told = { fresh: undefined, shared: [first, first], sequential: [trained[0], trained[1]] }[start];
      if (told) {
        assert.deepEqual(
          [second, third],
          told.map((adapter) => orderSites(adapter!)),
          `${name} ${start}`,
        );
      } else assert.notDeepEqual(second, first, `${name} ${start}`);
    }
  }
});
