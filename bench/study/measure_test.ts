/**
 * Numbers of a study against NumPy and SciPy: see fixtures/make/study.py.
 *
 * @module
 */
import assert from "node:assert/strict";
import { figureNamed } from "./figures.ts";
import { differenceOf, leadOf, meanOf, ratioOf, slopeOf, valuesOf } from "./measure.ts";
import { testSources } from "./test_study.ts";
import { methodNamed } from "./views.ts";

interface Summary {
  readonly mean: number;
  readonly deviation: number;
  readonly interval: readonly [number, number];
}

interface Fixture {
  readonly means: readonly (Summary & {
    readonly figure: string;
    readonly method: string;
    readonly tasks: number;
  })[];
  readonly difference: Summary;
  readonly lead: Summary & { readonly rivals: readonly string[] };
  readonly slope: Summary;
  readonly ratio: Pick<Summary, "mean" | "interval">;
  readonly gapClosed: readonly number[];
}

const wanted: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("../../fixtures/study.json", import.meta.url)),
);
const sources = await testSources();
const view = sources.views("cpu");
const ham = methodNamed(sources.study, view, "ham")!;
const pooled = figureNamed("pooled");

function near(found: number | undefined, wanted: number, what: string): void {
  const isNear = found !== undefined && Math.abs(found - wanted) <= 1e-8 * Math.max(1, Math.abs(wanted));
  assert.ok(isNear, `${what}: found ${found}, wanted ${wanted}`);
}

function sameSummary(found: Partial<Summary> | undefined, wanted: Partial<Summary>, what: string): void {
  near(found?.mean, wanted.mean!, `${what}, mean`);
  if (wanted.deviation !== undefined) near(found?.deviation, wanted.deviation, `${what}, deviation`);
  near(found?.interval?.[0], wanted.interval![0], `${what}, low`);
  near(found?.interval?.[1], wanted.interval![1], `${what}, high`);
}

Deno.test("meanOf() is NumPy's mean and deviation and SciPy's interval", () => {
  for (const { figure, method, tasks, ...summary } of wanted.means) {
    sameSummary(meanOf(view, figureNamed(figure), method, tasks), summary, `${figure} ${method}`);
  }
  assert.equal(meanOf(view, pooled, "ham", 8), undefined);
});

Deno.test("differenceOf() and ratioOf() pair by seed", () => {
  sameSummary(
    differenceOf(view, figureNamed("forgetting"), ["ham", "ewc"], 4),
    wanted.difference,
    "ham − ewc",
  );
  sameSummary(ratioOf(view, figureNamed("learning-seconds"), ["ewc", "ham"], 4), wanted.ratio, "ewc / ham");
  const turned = differenceOf(view, pooled, ["ewc", "ham"], 4)!;
  near(turned.mean, -differenceOf(view, pooled, ["ham", "ewc"], 4)!.mean, "the other way round");
});

Deno.test("leadOf() and slopeOf() choose the rival of each seed on the others", () => {
  const lead = leadOf(view, pooled, ham, 4)!;
  sameSummary(lead.difference, wanted.lead, "lead");
  assert.deepEqual([...lead.rivals].sort(), [...new Set(wanted.lead.rivals)].sort());
  sameSummary(slopeOf(view, pooled, ham)!.difference, wanted.slope, "slope");
  assert.ok(!leadOf(view, pooled, ham, 4, ["ewc"])!.rivals.includes("ewc"));
  assert.equal(slopeOf(view, pooled, ham, [], [4]), undefined);
});

Deno.test("gap-closed is measured between floor and bound of the same seed, where there is a gap", () => {
  const closed = valuesOf(view, figureNamed("gap-closed")).get("ewc")!;
  const found = [...closed].filter(([block]) => block.startsWith("2 ")).map(([, value]) => value);
  assert.deepEqual(found.length, wanted.gapClosed.length);
  found.forEach((value, i) => near(value, wanted.gapClosed[i]!, "gap"));
});

Deno.test("values of two backends are those of two views", async () => {
  const { views } = await testSources();
  assert.equal(valuesOf(views("cpu"), pooled).get("ham")!.size, 6);
  assert.equal(valuesOf(views("loops"), pooled).get("ham")!.size, 6);
  assert.equal(valuesOf(views("later"), pooled).size, 0);
});
