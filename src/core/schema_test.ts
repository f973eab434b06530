import assert from "node:assert/strict";
import { z } from "zod";
import { describeIssues } from "./schema.ts";

Deno.test("describeIssues() names every wrong place in one line", () => {
  const schema = z.strictObject({ rank: z.int().min(1), net: z.object({ heads: z.number() }) });
  const { error } = schema.safeParse({ rank: 0, net: { heads: "2" }, rnak: 3 });
  const text = describeIssues(error!);
  assert.match(text, /rank: .*>=1/);
  assert.match(text, /net\.heads: expected number, received string/);
  assert.match(text, /"rnak"/);
  assert.equal(text.split("; ").length, 3);
});
