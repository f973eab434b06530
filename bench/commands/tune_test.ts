import assert from "node:assert/strict";
import { resolveSettings } from "../../src/protocol/mod.ts";
import { resolveSuite } from "../grid/suite.ts";
import { flagsOf } from "./tune.ts";

const options = {
  budget: 2,
  data: "procedural:seed=9001,classes=4",
  tasks: "2",
  seeds: "1000",
  searchSeed: "0",
  backbone: "nano",
  backend: "auto",
  out: "nowhere",
  name: "default",
};

Deno.test("a trial has the settings that a run has, but for what the search sets", async () => {
  const plain = await resolveSuite(flagsOf(options, ["naive"], []));
  assert.deepEqual(resolveSettings(plain.settings), resolveSettings());
  assert.deepEqual([plain.tasks, plain.seeds, plain.data], [[2], [1000], options.data]);
  const set = await resolveSuite(flagsOf(options, ["naive"], ["rank=4"]));
  assert.deepEqual(resolveSettings(set.settings), resolveSettings({ rank: 4 }));
});
