import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { backboneTensors, type ViTConfig } from "../../nn/config.ts";
import { initBackbone } from "../../nn/init.ts";
import { checkShapes, settleConfig, settlePatches, settlePixels, tensorNames } from "./settle.ts";

const config: ViTConfig = {
  image: 6,
  patch: 2,
  channels: 3,
  width: 4,
  depth: 2,
  heads: 2,
  mlp: 8,
  norm: "post",
  activation: "relu",
  epsilon: 1e-5,
};
const tensors = initBackbone(config, createRng(1, "settle"));

function failsWith(message: RegExp, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof InputError && message.test(error.message));
}

function settle(facts: object = config, overrides: object = {}, changed: NamedTensors = {}) {
  return settleConfig({ ...tensors, ...changed }, facts, overrides, "w");
}

Deno.test("tensorNames() lists those of a depth, without class token and final norm", () => {
  const names = backboneTensors(config).map(({ name }) => name);
  assert.deepEqual(tensorNames(2), names.filter((name) => !/^norm\.|^cls_token$/.test(name)));
});

Deno.test("settleConfig() lets the caller win over cards, and tensors over none", () => {
  assert.deepEqual(settle(), config);
  const overrides = { heads: 1, norm: "pre", activation: "gelu", epsilon: 1e-6 } as const;
  assert.deepEqual(settle(config, overrides), { ...config, ...overrides });
  assert.deepEqual(settle({}, { ...overrides }), { ...config, ...overrides });
  for (const size of ["image", "patch", "channels", "width", "depth", "mlp"] as const) {
    failsWith(new RegExp(`card says ${size} 99, the tensors`), () => settle({ ...config, [size]: 99 }));
  }
});

Deno.test("settleConfig() asks for each fact by name and flag, and refuses impossible ones", () => {
  for (const fact of ["heads", "norm", "activation", "epsilon"] as const) {
    failsWith(new RegExp(`no "${fact}".*--${fact}`), () => settle({ ...config, [fact]: undefined }));
  }
  failsWith(/3 heads, wanted a divisor of width 4/, () => settle(config, { heads: 3 }));
  failsWith(/0 heads/, () => settle(config, { heads: 0 }));
  failsWith(/epsilon 0, wanted a positive/, () => settle(config, { epsilon: 0 }));
  failsWith(
    /"patch_embed.proj.weight" has the shape \[4\], wanted 4 axes/,
    () => settle(config, {}, { "patch_embed.proj.weight": hostTensor([4]) }),
  );
  failsWith(
    /"pos_embed" has the shape \[1,0,4\]/,
    () => settle(config, {}, { pos_embed: hostTensor([1, 0, 4]) }),
  );
  failsWith(/found 8 positions/, () => settle(config, {}, { pos_embed: hostTensor([1, 8, 4]) }));
});

Deno.test("settlePatches() makes a convolution of a linear layer in the stated order", () => {
  const weight = hostTensor([1, 12], Float32Array.from({ length: 12 }, (_, i) => i));
  const settled = (order: "channels-first" | "channels-last") =>
    settlePatches({ "patch_embed.proj.weight": weight }, order, "w")["patch_embed.proj.weight"]!;
  assert.deepEqual(settled("channels-first").shape, [1, 3, 2, 2]);
  assert.deepEqual([...settled("channels-first").data], [...weight.data]);
  assert.deepEqual([...settled("channels-last").data], [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
  failsWith(/no "patchOrder"/, () => settlePatches({ "patch_embed.proj.weight": weight }, undefined, "w"));
  assert.equal(settlePatches(tensors, undefined, "w"), tensors);
});

Deno.test("settlePixels() spreads one number over the channels, and refuses what cannot be", () => {
  const pixels = { mean: [0.5, 0.4, 0.3], std: [0.2] };
  assert.deepEqual(settlePixels(config, pixels, {}, "w"), { mean: pixels.mean, std: [0.2, 0.2, 0.2] });
  assert.deepEqual(settlePixels(config, pixels, { mean: [0] }, "w").mean, [0, 0, 0]);
  failsWith(/no "mean".*--mean/, () => settlePixels(config, { std: [1] }, {}, "w"));
  failsWith(/no "std".*--std/, () => settlePixels(config, { mean: [1] }, {}, "w"));
  failsWith(
    /pixel mean \[0,0\], wanted 3 numbers/,
    () => settlePixels(config, pixels, { mean: [0, 0] }, "w"),
  );
  failsWith(/pixel mean \[NaN,NaN,NaN\]/, () => settlePixels(config, pixels, { mean: [NaN] }, "w"));
  failsWith(/wanted 3 positive numbers/, () => settlePixels(config, pixels, { std: [1, 0, 1] }, "w"));
});

Deno.test("checkShapes() names the tensor and both shapes", () => {
  checkShapes(config, tensors, "w");
  failsWith(
    /\[3\] for "norm.bias", wanted \[4\]/,
    () => checkShapes(config, { ...tensors, "norm.bias": hostTensor([3]) }, "w"),
  );
  failsWith(
    /nothing for "head.bias", wanted \[5\]/,
    () => checkShapes(config, { ...tensors, "head.weight": hostTensor([5, 4]) }, "w"),
  );
  failsWith(
    /\[5,7\] for "head.weight", wanted \[5,4\]/,
    () => checkShapes(config, { ...tensors, "head.weight": hostTensor([5, 7]) }, "w"),
  );
  failsWith(
    /a classifier \[5,8\] that reads twice the model's width.*--pool token-and-mean/,
    () => checkShapes(config, { ...tensors, "head.weight": hostTensor([5, 8]) }, "w"),
  );
});
