import assert from "node:assert/strict";
import { renderBlock } from "./blocks.ts";
import { tooNarrow } from "./measure.ts";
import { testSources } from "./test_study.ts";

const sources = await testSources();

Deno.test("a table of the gap leaves out where floor and bound are within the noise, and says why", () => {
  const view = sources.views("cpu");
  const narrow = tooNarrow(view);
  assert.ok(narrow.length > 0 && narrow.every(({ room, error }) => room! < 10 * error!));
  const text = renderBlock({ table: "growth", view: "cpu", figures: ["gap-closed"] }, sources);
  assert.match(text, /No share of the gap is given .*T=2 \(.* points, error .*\)/);
  assert.doesNotMatch(text, /in no record/);
  assert.doesNotMatch(text, /^\| ham \|/m);
});
