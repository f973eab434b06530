import assert from "node:assert/strict";
import { createRng } from "../core/rng.ts";
import { decodeState, encodeState } from "../core/state.ts";
import { createAdapter } from "../nn/adapter.ts";
import { type AdapterState, packAdapter, unpackAdapter } from "./adapter_state.ts";
import { tinyConfig } from "./test_kit.ts";

Deno.test("unpackAdapter() restores adapters from bytes with their sites in model order", () => {
  const config = { ...tinyConfig, depth: 12 };
  const spec = { rank: 3, scale: 0.5, targets: ["q", "v", "proj", "fc1"] } as const;
  const adapter = { ...createAdapter(config, spec, createRng(1, "a")), importance: 0.1 };
  const restored = unpackAdapter(decodeState(encodeState(packAdapter(adapter))) as AdapterState);
  assert.deepEqual(restored, adapter);
  // Sorted as text, block 10 would come before block 2.
  assert.deepEqual(Object.keys(restored.pairs), Object.keys(adapter.pairs));
});
