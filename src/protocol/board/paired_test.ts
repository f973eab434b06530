/**
 * Paired differences against SciPy: see fixtures/make/paired.py.
 *
 * @module
 */
import assert from "node:assert/strict";
import { listRecords } from "../layout.ts";
import { parseRecord } from "../records/parse.ts";
import { chooseRivals, pairedDifference } from "./paired.ts";
import { sectionsOf } from "./test_board.ts";

interface Case {
  readonly values: readonly number[];
  readonly mean: number;
  readonly deviation: number;
  readonly interval: readonly [number, number];
  readonly p: number;
  readonly signP: number;
}

const { cases }: { readonly cases: readonly Case[] } = JSON.parse(
  await Deno.readTextFile(new URL("../../../fixtures/paired.json", import.meta.url)),
);

/** jStat's distributions are good to seven digits. */
function near(found: number, wanted: number, what: string): void {
  assert.ok(Math.abs(found - wanted) <= 5e-8, `${what}: found ${found}, wanted ${wanted}`);
}

Deno.test("pairedDifference() is SciPy's t test and permutation test", () => {
  for (const { values, mean, deviation, interval, p, signP } of cases) {
    const found = pairedDifference(values)!;
    assert.deepEqual([found.n, found.leastP], [values.length, 2 ** (1 - values.length)]);
    near(found.mean, mean, "mean");
    near(found.deviation!, deviation, "deviation");
    near(found.interval![0], interval[0], "low");
    near(found.interval![1], interval[1], "high");
    near(found.p!, p, "p");
    near(found.signP, signP, "p of signs");
  }
});

Deno.test("pairedDifference() of one pair has no interval, of equal pairs one without width, of none nothing", () => {
  assert.equal(pairedDifference([]), undefined);
  assert.deepEqual(pairedDifference([0.5]), { n: 1, mean: 0.5, signP: 1, leastP: 1 });
  const equal = pairedDifference([0.25, 0.25, 0.25])!;
  assert.deepEqual([equal.interval, equal.p], [[0.25, 0.25], 0]);
  assert.deepEqual(pairedDifference([0, 0])!.p, 1);
});

Deno.test("chooseRivals() takes the best on the other seeds, worked by hand", () => {
  const own = new Map([["0", 5], ["1", 5], ["2", 5]]);
  const rivals = new Map([
    ["a", new Map([["0", 9], ["1", 4], ["2", 4]])],
    ["b", new Map([["0", 1], ["1", 6], ["2", 5]])],
    ["c", new Map([["1", 100]])],
  ]);
  const seedOf = (block: string) => block;
  // For seed 0, c lacks it, and b has 5.5 on the others against 4 of a; for seed 2, a has 6.5 and b 3.5.
  assert.deepEqual(chooseRivals(own, rivals, seedOf), [
    { seed: "0", rival: "b", differences: [4] },
    { seed: "1", rival: "a", differences: [1] },
    { seed: "2", rival: "a", differences: [1] },
  ]);
  assert.deepEqual(
    chooseRivals(own, rivals, seedOf, "less").map(({ seed, rival }) => [seed, rival]),
    [["0", "a"], ["1", "b"], ["2", "b"]],
  );
});

Deno.test("chooseRivals() agrees with the board's leads", async () => {
  const folder = new URL("../../../fixtures/records/baseline", import.meta.url).pathname;
  const records = await Promise.all(
    (await listRecords(folder)).map(async (path) => parseRecord(await Deno.readTextFile(path), path)),
  );
  let compared = 0;
  for (const { leads, runs, methods } of sectionsOf(records)) {
    for (const { tasks, method, rivals, difference } of leads) {
      const wanted = runs.filter((run) => tasks === "all" || run.tasks === tasks);
      const valuesOf = (label: string) =>
        new Map(
          wanted.filter((run) => run.method === label).map((run) => [
            `${run.tasks} ${run.seed}`,
            run.figures.pooled!,
          ]),
        );
      const others = methods.filter(({ label, class: kind }) => label !== method && kind === "plain");
      const chosen = chooseRivals(
        valuesOf(method),
        new Map(others.map(({ label }) => [label, valuesOf(label)])),
        (block) => block.split(" ")[1]!,
      );
      const counts = new Map<string, number>();
      for (const { rival } of chosen) counts.set(rival, (counts.get(rival) ?? 0) + 1);
      assert.deepEqual([...counts].map(([method, seeds]) => ({ method, seeds })), rivals);
      const found = pairedDifference(chosen.flatMap(({ differences }) => differences))!;
      assert.deepEqual([found.mean, found.deviation, found.n], [
        difference!.mean,
        difference!.deviation,
        difference!.n,
      ]);
      compared++;
    }
  }
  assert.ok(compared >= 4, `${compared} leads`);
});
