/**
 * One model with its weights in all the places where tools leave them, with what onnxruntime computed: see
 * fixtures/make/onnx_places.py.
 */
import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { distance } from "../../nn/testing.ts";
import { loadBackbone, type LoadOptions } from "../backbones/load_backbone.ts";
import { scoresOf } from "../backbones/test_models.ts";
import { readSafetensors } from "./safetensors.ts";

const folder = new URL("../../../fixtures/interop/onnx/", import.meta.url).pathname;
const { tensors: expected } = readSafetensors(await Deno.readFile(`${folder}expected.safetensors`));
const stated: LoadOptions = {
  overrides: { heads: 2, norm: "pre", activation: "gelu", epsilon: 1e-6, mean: [0, 0, 0], std: [1, 1, 1] },
};

for (const name of Object.keys(expected).filter((name) => name !== "x")) {
  Deno.test(`loadBackbone() of ${name}.onnx gives what onnxruntime computes`, async () => {
    const { head, ...backbone } = await loadBackbone(`${folder}${name}.onnx`, stated);
    const classifier = { kind: "linear", classNames: [], ...head! } as const;
    const error = distance(
      await scoresOf(backbone, { classifier }, expected["x"]!.data),
      expected[name]!.data,
    );
    // Products in half precision are rounded there.
    assert.ok(error < (name === "autocast" ? 5e-3 : 2e-5), `${error}`);
  });
}

for (const name of ["quantised_dynamic", "quantised_weights"]) {
  Deno.test(`loadBackbone() of ${name}.onnx names quantised weights`, async () => {
    await assert.rejects(
      loadBackbone(`${folder}${name}.onnx`, stated),
      (error) =>
        error instanceof InputError && /found quantised weights \(the node \w+ ".+"\)/.test(error.message),
    );
  });
}
