import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { hostTensor } from "../../core/tensors.ts";
import { type Adapter, createAdapter } from "../../nn/adapter.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { decodeAdapterFile, encodeAdapterFile, type KeptAdapter } from "./adapter_file.ts";

const config: ViTConfig = {
  image: 8,
  patch: 4,
  channels: 3,
  width: 6,
  depth: 11,
  heads: 2,
  mlp: 8,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
};

function adapter(): Adapter {
  const made = createAdapter(
    config,
    { rank: 2, scale: 1 / 3, targets: ["v", "q", "fc2"] },
    createRng(0, "a"),
  );
  for (const { b } of Object.values(made.pairs)) b.data.fill(0.1);
  return { ...made, importance: 0.1 };
}

const kept: KeptAdapter = {
  adapter: adapter(),
  classifier: {
    kind: "ncm",
    classNames: ["oak", "ash"],
    weight: hostTensor([2, 6], new Float32Array(12).fill(0.3)),
    bias: hostTensor([2]),
  },
  backbone: { id: "nano", hash: "ab" },
  cell: "ham-T5-s0-0123456789ab",
};

Deno.test("decodeAdapterFile() gives back what encodeAdapterFile() was given, to the bit and in order", () => {
  const back = decodeAdapterFile(encodeAdapterFile(kept), "x");
  assert.deepEqual(back, kept);
  // Sorted by name, block 10 would come before block 2.
  assert.deepEqual(Object.keys(back.adapter!.pairs), Object.keys(kept.adapter!.pairs));
  const bare: KeptAdapter = { backbone: kept.backbone, task: 3, adapter: kept.adapter! };
  assert.deepEqual(decodeAdapterFile(encodeAdapterFile(bare), "x"), bare);
  const frozen: KeptAdapter = { backbone: kept.backbone, classifier: kept.classifier! };
  assert.deepEqual(decodeAdapterFile(encodeAdapterFile(frozen), "x"), frozen);
});

Deno.test("decodeAdapterFile() refuses other files and parts that do not fit", () => {
  const content = readSafetensors(encodeAdapterFile(kept));
  const fails = (change: Partial<typeof content>, message: RegExp) =>
    assert.throws(
      () => decodeAdapterFile(writeSafetensors({ ...content, ...change }), "x.safetensors"),
      (error) =>
        error instanceof InputError && /x\.safetensors/.test(error.message) && message.test(error.message),
    );
  const { metadata, tensors } = content;
  fails({ metadata: {} }, /format undefined/);
  fails({ metadata: { ...metadata, facts: "{" } }, /no facts/);
  fails({ metadata: { ...metadata, facts: '{"backbone":{}}' } }, /backbone\.id/);
  const facts = JSON.parse(metadata["facts"]!);
  const three = { ...facts, classifier: { kind: "ncm", classNames: ["a", "b", "c"] } };
  fails({ metadata: { ...metadata, facts: JSON.stringify(three) } }, /wanted 3 rows/);
  const { "lora.0.q.B": _, ...fewer } = tensors;
  fails({ tensors: fewer }, /0\.q.*missing/);
  fails({ tensors: { ...tensors, "head.bias": hostTensor([2], Float32Array.of(0, NaN)) } }, /NaN/);
});
