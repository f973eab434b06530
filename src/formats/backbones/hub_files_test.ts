/**
 * Files as other people's tools write them, with what those tools computed: see fixtures/make/interop.py.
 */
import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { inFolder } from "../../core/test_folder.ts";
import { dataTypes, encodeModel } from "../../executors/onnx/model.ts";
import type { Backbone } from "../../nn/backbone.ts";
import { distance } from "../../nn/testing.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { inspectBackbone, loadBackbone, type LoadOptions } from "./load_backbone.ts";
import { scoresOf } from "./test_models.ts";

const folder = new URL("../../../fixtures/interop/", import.meta.url).pathname;
const { tensors: expected } = readSafetensors(await Deno.readFile(`${folder}expected.safetensors`));

/** The fixtures' images are normalised already. */
const stated: LoadOptions = {
  overrides: { heads: 2, norm: "pre", activation: "gelu", epsilon: 1e-6, mean: [0, 0, 0], std: [1, 1, 1] },
};

async function assertLogits(backbone: Backbone, input: string, name: string): Promise<void> {
  const classifier = { kind: "linear", classNames: [], ...backbone.head! } as const;
  const found = await scoresOf(backbone, { classifier }, expected[input]!.data);
  const error = distance(found, expected[`${name}/logits`]!.data);
  assert.ok(error < 2e-5, `${error}`);
}

Deno.test("loadBackbone() of a folder from transformers gives its logits, with all facts from its files", async () => {
  const backbone = await loadBackbone(`${folder}hub`);
  assert.equal(backbone.id, "hub");
  assert.deepEqual(backbone.config, {
    image: 8,
    patch: 4,
    channels: 3,
    width: 8,
    depth: 2,
    heads: 2,
    mlp: 12,
    norm: "pre",
    activation: "gelu",
    epsilon: 1e-5,
  });
  assert.deepEqual(backbone.pixels, { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] });
  await assertLogits(backbone, "x", "hub");
  const inspection = await inspectBackbone(`${folder}hub/model.safetensors`);
  assert.equal(inspection.map, "hugging-face");
  assert.deepEqual([inspection.leftover, inspection.missing], [[], []]);
  assert.match(inspection.factsFrom!, /config\.json and .*preprocessor_config\.json$/);
  assert.equal(inspection.backbone().hash, backbone.hash);
});

for (const exporter of ["script", "dynamo"]) {
  Deno.test(`loadBackbone() of timm's model exported by torch.onnx (${exporter}) gives its logits`, async () => {
    const inspection = await inspectBackbone(`${folder}timm_${exporter}.onnx`, stated);
    assert.equal(inspection.map, "timm");
    assert.deepEqual(inspection.leftover, []);
    await assertLogits(inspection.backbone(), "x", "timm");
  });
}

Deno.test("loadBackbone() of a DeiT III with its values in a second file gives its logits", async () => {
  const inspection = await inspectBackbone(`${folder}timm_third.onnx`, stated);
  assert.deepEqual([inspection.map, inspection.leftover], ["timm", []]);
  await assertLogits(inspection.backbone(), "x", "timm_third");
  await inFolder(async (copy) => {
    await Deno.copyFile(`${folder}timm_third.onnx`, `${copy}/model.onnx`);
    await assert.rejects(loadBackbone(copy, stated), /timm_third\.onnx\.data: it does not exist/);
  });
});

Deno.test("loadBackbone() does not follow a model to files outside its folder", () =>
  inFolder(async (copy) => {
    for (const location of ["../w.data", "/w.data", "a\\w.data", "..", ""]) {
      const bytes = encodeModel({
        irVersion: 10,
        opsetImport: [],
        graph: {
          node: [],
          initializer: [{
            name: "a.bias",
            dims: [1],
            dataType: dataTypes.float32,
            dataLocation: 1,
            externalData: [{ key: "location", value: location }],
          }],
          input: [],
          output: [],
        },
      });
      await Deno.writeFile(`${copy}/w.onnx`, bytes);
      await assert.rejects(loadBackbone(`${copy}/w.onnx`), /wanted a file of the same folder/);
    }
    await Deno.writeFile(`${copy}/w.pth`, new Uint8Array(9));
    await assert.rejects(loadBackbone(`${copy}/w.pth`), /found a \.pth file, wanted \.safetensors or \.onnx/);
    await Deno.remove(`${copy}/w.onnx`);
    await assert.rejects(loadBackbone(copy), /w\.pth: found a \.pth file, wanted \.safetensors or \.onnx/);
  }));

Deno.test("loadBackbone() of transformers' model exported by torch.onnx gives its logits", async () => {
  const options = { ...stated, overrides: { ...stated.overrides, epsilon: 1e-5 } };
  const inspection = await inspectBackbone(`${folder}hub_script.onnx`, options);
  assert.equal(inspection.map, "hugging-face-5");
  await assertLogits(inspection.backbone(), "x", "hub");
  await assert.rejects(
    loadBackbone(`${folder}hub_script.onnx`),
    (error) => error instanceof InputError && /no "heads".*--heads/.test(error.message),
  );
});

Deno.test("loadBackbone() of timm's model with LayerScale gives its logits", async () => {
  await assertLogits(await loadBackbone(`${folder}timm_scaled.safetensors`, stated), "x", "timm_scaled");
});

Deno.test("loadBackbone() for larger images gives the logits of timm's resampled model", async () => {
  const path = `${folder}timm_script.onnx`;
  const backbone = await loadBackbone(path, { ...stated, image: 12 });
  assert.equal(backbone.config.image, 12);
  await assertLogits(backbone, "large", "timm_large");
  const own = await loadBackbone(path, { ...stated, image: 8 });
  assert.equal(own.hash, (await loadBackbone(path, stated)).hash);
  for (const image of [10, 2, 0, 8.5]) {
    await assert.rejects(
      loadBackbone(path, { ...stated, image }),
      (error) => error instanceof InputError && /a multiple of the patch size 4/.test(error.message),
    );
  }
});

Deno.test("inspectBackbone() lists what is missing and left over, and refuses a folder without clear weights", () =>
  inFolder(async (copy) => {
    const { tensors } = readSafetensors(await Deno.readFile(`${folder}timm_scaled.safetensors`));
    const { "blocks.1.norm2.bias": _, ...fewer } = tensors;
    const bytes = writeSafetensors({ tensors: { ...fewer, "blocks.1.extra": tensors["norm.weight"]! } });
    await Deno.writeFile(`${copy}/a.safetensors`, bytes);
    const inspection = await inspectBackbone(copy, stated);
    assert.deepEqual([inspection.map, inspection.leftover, inspection.missing], [
      "timm",
      ["blocks.1.extra"],
      ["blocks.1.norm2.bias"],
    ]);
    assert.throws(
      () => inspection.backbone(),
      /misses "blocks\.1\.norm2\.bias" and does not know "blocks\.1\.extra"/,
    );
    await Deno.writeFile(`${copy}/b.safetensors`, bytes);
    await assert.rejects(loadBackbone(copy), /a\.safetensors, b\.safetensors, wanted one/);
    await assert.rejects(loadBackbone(`${copy}/none`), /none: it does not exist/);
    await Deno.mkdir(`${copy}/empty`);
    await assert.rejects(loadBackbone(`${copy}/empty`), /found no weights/);
  }));
