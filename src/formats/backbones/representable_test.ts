import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hostTensor } from "../../core/tensors.ts";
import { checkRepresentable, checkUnknown, isBuffer } from "./representable.ts";

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
  const refuse = (name: string, message: RegExp) =>
    assert.throws(
      () => checkRepresentable({ leftover: [name] }, "w"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  refuse("norm_pre.bias", /a norm before the first block/);
  refuse("blocks.0.attn.q_norm.weight", /norms of queries and keys/);
  refuse("encoder.layer.0.mlp.weights_in.weight", /a gated perceptron/);
  refuse("blocks.0.attn.relative_position_bias_table", /relative positions/);
  refuse("patch_embed.bn.running_mean", /batch norms/);
  refuse("blocks.0.attn.qkv.lora_A.default.weight", /adapters that are not merged/);
  refuse("head.probe", /attention pooling/);
  refuse("attn_pool.kv.weight", /attention pooling/);
  for (
    const name of ["weight_scale", "qweight", "weight.absmax", "SCB", "weight.quant_state.bitsandbytes__nf4"]
  ) {
    refuse(`blocks.0.attn.qkv.${name}`, /quantised weights/);
  }
  checkRepresentable({ leftover: ["gate"] }, "w");
});

Deno.test("checkUnknown() lets be ignored what stands beside the model, and never advises to ignore a part", () => {
  const refuse = (names: readonly string[], ignore: boolean, message: RegExp, never = /--ignore-unknown/) =>
    assert.throws(
      () => checkUnknown(names, ignore, "timm", "w"),
      (error) => error instanceof InputError && message.test(error.message) && !never.test(error.message),
    );
  const parts = [
    ...["encoder.layer.0.layer_scale1.lambda1", "blocks.3.gate", "talking_token", "extra_norm.weight"],
    "transformer.resblocks.0.x",
  ];
  for (const name of parts) {
    for (const ignore of [true, false]) {
      refuse([name, "decoder.weight"], ignore, /take part in what the model computes/);
    }
  }
  refuse(["decoder.weight"], false, /--ignore-unknown/, /take part/);
  refuse(["extra"], false, /"extra"\); wanted none$/);
  checkUnknown(
    ["decoder.0.norm.weight", "extra", "dino_head.mlp.0.weight", "text_model.layers.0.x"],
    true,
    "timm",
    "w",
  );
  checkUnknown([], false, "timm", "w");
});
