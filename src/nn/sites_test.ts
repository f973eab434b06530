import assert from "node:assert/strict";
import {
  compareSites,
  loraSites,
  loraTargets,
  parseFactor,
  parseSite,
  siteName,
  sitePlace,
} from "./sites.ts";
import { tinyConfig } from "./testing.ts";

Deno.test("compareSites() sorts as loraSites() lists, also from block 10", () => {
  const config = { ...tinyConfig, depth: 12 };
  const names = loraSites(config, loraTargets.filter((target) => target !== "qkv")).map(({ name }) => name);
  assert.deepEqual(names.toSorted().sort(compareSites), names);
  assert.notDeepEqual(names.toSorted(), names);
});

Deno.test("parseSite() and parseFactor() read what siteName() and factorName() write, and nothing else", () => {
  assert.deepEqual(parseSite(siteName(11, "fc1")), { block: 11, target: "fc1" });
  assert.deepEqual(parseFactor("lora.3.qkv.B"), { site: "3.qkv", factor: "B" });
  for (const name of ["1.x", "q", "-1.q", "1.q.A", "", "1.5.q"]) {
    assert.equal(parseSite(name), undefined, name);
  }
  assert.equal(parseFactor("lora.importance"), undefined);
});

Deno.test("sitePlace() finds q, k and v in the fused projection", () => {
  const rows = (["q", "k", "v", "qkv"] as const).map((target) =>
    sitePlace(tinyConfig, { block: 1, target }).row
  );
  assert.deepEqual(rows, [0, 6, 12, 0]);
  assert.equal(sitePlace(tinyConfig, { block: 1, target: "fc2" }).weight, "blocks.1.mlp.fc2.weight");
});
