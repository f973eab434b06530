import assert from "node:assert/strict";
import { callCommand } from "../test_kit.ts";
import { study } from "../commands/study.ts";

Deno.test("STUDY.md, its plots and README's study are what the committed records give", async () => {
  const { code, err } = await callCommand(study, ["--check"]);
  assert.equal(code, 0, err);
});
