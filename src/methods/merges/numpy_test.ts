/** Merges against NumPy in float64, from the same factors. */
import assert from "node:assert/strict";
import { hostTensor } from "../../core/tensors.ts";
import { deltaError } from "../../merge/test_adapters.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import { createTestKit, tinyConfig, tinyLora } from "../test_kit.ts";
import { dropSeed } from "./merge_method.ts";
import { mergeOf } from "./test_adapters.ts";

type Matrix = readonly (readonly number[])[];
interface Fixture {
  readonly seeds: readonly (readonly number[])[];
  readonly adapters: readonly Readonly<Record<string, { readonly a: Matrix; readonly b: Matrix }>>[];
  readonly merges: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}
const file = new URL("../../../fixtures/methods/merges/merges.json", import.meta.url);
const fixture: Fixture = JSON.parse(await Deno.readTextFile(file));

const tensor = (rows: Matrix) => hostTensor([rows.length, rows[0]!.length], Float32Array.from(rows.flat()));
const adapters = fixture.adapters.map((sites): Adapter => ({
  scale: tinyLora.scale,
  importance: 1,
  pairs: Object.fromEntries(
    Object.entries(sites).map(([site, { a, b }]) => [site, { a: tensor(a), b: tensor(b) }] as const),
  ),
}));

for (const [spec, wanted] of Object.entries(fixture.merges)) {
  Deno.test(`${spec} is what NumPy finds from the same factors`, async () => {
    const error = deltaError(await mergeOf(spec, adapters), (site) => wanted[site]!);
    assert.ok(error < 1e-5, `${spec} is ${error} off`);
  });
}

Deno.test("what is dropped of a task at a site is pinned", () => {
  const kit = createTestKit();
  fixture.seeds.forEach((seeds, task) => {
    const found = loraSites(tinyConfig, tinyLora.targets).map(({ name }) => dropSeed(kit, task, name));
    assert.deepEqual(found, seeds);
  });
  // Whenever it is asked.
  assert.equal(dropSeed(createTestKit({ task: 9 }), 0, "0.q"), fixture.seeds[0]![0]);
});
