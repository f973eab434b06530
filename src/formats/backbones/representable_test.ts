import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hostTensor } from "../../core/tensors.ts";
import { checkRepresentable, isBuffer } from "./representable.ts";

Deno.test("isBuffer() knows indices, counters, and masks that mask nothing", () => {
  const integers = (...values: number[]) => ({ shape: [values.length], data: Int32Array.from(values) });
  const scalar = { shape: [], data: Int32Array.of(7) };
  assert.ok(isBuffer("vit.embeddings.position_ids", integers(0, 1, 2)));
  assert.ok(isBuffer("epoch", scalar));
  assert.ok(isBuffer("attn_mask", hostTensor([2, 2])));
  assert.ok(isBuffer("blocks.0.attn.mask", integers(1, 1)));
  assert.ok(!isBuffer("attn_mask", hostTensor([2], Float32Array.of(0, -1e9))));
  assert.ok(!isBuffer("steps", integers(1, 2)));
  assert.ok(!isBuffer("position_ids", hostTensor([2])));
  assert.ok(!isBuffer("temperature", hostTensor([])));
});

Deno.test("checkRepresentable() names the part that makes a model another", () => {
  const refuse = (leftover: readonly string[], missing: readonly string[], message: RegExp) =>
    assert.throws(
      () => checkRepresentable({ leftover, missing, map: "timm" }, "w"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  refuse(["fc_norm.weight"], ["norm.weight"], /mean pooling.*"fc_norm\.weight".*the class token/);
  refuse(["reg_token"], [], /register tokens/);
  refuse(["embeddings.register_tokens"], [], /register tokens/);
  refuse(["norm_pre.bias"], [], /a norm before the first block/);
  refuse(["blocks.0.attn.q_norm.weight"], [], /norms of queries and keys/);
  refuse(["encoder.layer.0.mlp.weights_in.weight"], [], /a gated perceptron/);
  refuse(["blocks.0.attn.relative_position_bias_table"], [], /relative positions/);
  refuse(["patch_embed.bn.running_mean"], [], /batch norms/);
  refuse(["blocks.0.attn.qkv.lora_A.default.weight"], [], /adapters that are not merged/);
  refuse([], ["cls_token"], /all of the name map timm but the class token/);
  checkRepresentable({ leftover: ["gate"], missing: ["cls_token", "pos_embed"], map: "timm" }, "w");
});
