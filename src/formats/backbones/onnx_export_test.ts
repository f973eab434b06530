import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { inFolder } from "../../core/test_folder.ts";
import { decodeModel } from "../../executors/onnx/model.ts";
import { type Flavour, loadRuntime } from "../../executors/onnx/session.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { distance } from "../../nn/testing.ts";
import type { KeptAdapter } from "../adapters/adapter_file.ts";
import { inspectBackbone, loadBackbone } from "./load_backbone.ts";
import { encodeMerged, mergeAdapter } from "./merged.ts";
import { exportOnnx } from "./onnx_export.ts";
import {
  randomAdapter,
  randomBackbone,
  randomClassifier,
  randomImages,
  scoresOf,
  tinyViT,
} from "./test_models.ts";

const backbone = randomBackbone();
const { id, hash } = backbone;
const origin = { backbone: { id, hash }, cell: "ham-T2-s0" };

async function run(model: Uint8Array, flavour: Flavour, images: Float32Array, batch: number) {
  const { createSession, Tensor } = await loadRuntime(flavour, 1);
  const session = await createSession(model);
  const { channels, image } = tinyViT;
  const { logits } = await session.run({
    images: new Tensor("float32", images, [batch, channels, image, image]),
  });
  await session.release();
  assert.equal(logits!.dims[0], batch);
  return logits!.data as Float32Array;
}

const flavours = ["node", "web"] as const;
const kinds = ["linear", "cosine", "ncm"] as const;

for (const kind of kinds) {
  Deno.test(`exportOnnx() of a ${kind} classifier gives its scores in every ONNX Runtime, at any batch size`, async () => {
    const kept: KeptAdapter = { ...origin, adapter: randomAdapter(), classifier: randomClassifier(kind) };
    const model = exportOnnx(mergeAdapter(backbone, kept));
    for (const batch of [1, 2, 3, 7]) {
      const images = randomImages(batch);
      const wanted = await scoresOf(backbone, kept, images);
      for (const flavour of flavours) {
        const error = distance(await run(model, flavour, images, batch), wanted);
        assert.ok(error < 1e-5, `${flavour}, batch ${batch}: ${error}`);
      }
    }
  });
}

Deno.test("exportOnnx() keeps post-norm blocks, ReLU, the tanh GELU and a missing final norm", async () => {
  const others: readonly Partial<ViTConfig>[] = [
    { norm: "post", activation: "relu", finalNorm: false },
    { activation: "gelu-tanh", depth: 1 },
  ];
  for (const parts of others) {
    const other = randomBackbone({ ...tinyViT, ...parts });
    const kept: KeptAdapter = {
      backbone: other,
      adapter: randomAdapter({ targets: ["qkv", "proj", "fc1", "fc2"] }, other.config),
      classifier: randomClassifier(),
    };
    const images = randomImages(3);
    const found = await run(exportOnnx(mergeAdapter(other, kept)), "node", images, 3);
    const error = distance(found, await scoresOf(other, kept, images));
    assert.ok(error < 1e-5, `${error}`);
  }
});

Deno.test("exportOnnx() and encodeMerged() give files that load as the merged backbone, to the bit", () =>
  inFolder(async (folder) => {
    for (const adapter of [randomAdapter({ targets: ["q", "k", "v", "proj", "fc1", "fc2"] }), undefined]) {
      const kept: KeptAdapter = {
        ...origin,
        ...(adapter && { adapter }),
        classifier: randomClassifier("ncm"),
      };
      const merged = mergeAdapter(backbone, kept);
      await Deno.writeFile(`${folder}/a.onnx`, exportOnnx(merged));
      await Deno.writeFile(`${folder}/b.safetensors`, encodeMerged(merged));
      // The files' own cards say everything; what lies beside them for others does not hide them.
      await Deno.writeTextFile(`${folder}/preprocessor_config.json`, '{"image_mean":[0],"image_std":[1]}');
      for (const file of ["a.onnx", "b.safetensors"]) {
        const inspection = await inspectBackbone(`${folder}/${file}`);
        assert.deepEqual([inspection.map, inspection.leftover, inspection.missing], ["timm", [], []]);
        const loaded = await loadBackbone(`${folder}/${file}`);
        assert.equal(loaded.hash, merged.backbone.hash);
        assert.deepEqual(loaded.weights, merged.backbone.weights);
        assert.notEqual(loaded.hash, hash);
      }
    }
  }));

Deno.test("exportOnnx() uses the ONNX standard alone, names what it reads and gives, and says how", () => {
  const kept: KeptAdapter = { ...origin, adapter: randomAdapter(), classifier: randomClassifier("cosine") };
  const { graph, opsetImport, metadataProps } = decodeModel(exportOnnx(mergeAdapter(backbone, kept)));
  assert.deepEqual(opsetImport.map(({ domain }) => domain || ""), [""]);
  const shapes = [...graph.input, ...graph.output].map(({ name, type }) =>
    [name, ...type!.tensorType!.shape!.dim.map(({ dimParam, dimValue }) => dimParam || dimValue)].join(" ")
  );
  assert.deepEqual(shapes, ["images batch 3 8 8", "logits batch 3"]);
  const facts = Object.fromEntries(metadataProps!.map(({ key, value }) => [key, value]));
  assert.deepEqual(JSON.parse(facts["class_names"]!), ["oak", "ash", "elm"]);
  assert.deepEqual(JSON.parse(facts["mean"]!), [0.5, 0.4, 0.3]);
  assert.deepEqual(JSON.parse(facts["std"]!), [0.5, 0.25, 0.2]);
  const { classifier, cell } = JSON.parse(facts["origin"]!);
  assert.deepEqual([classifier, cell], ["cosine", "ham-T2-s0"]);
});

Deno.test("mergeAdapter() refuses another backbone, a missing classifier and an adapter that does not fit", () => {
  const kept: KeptAdapter = { ...origin, adapter: randomAdapter(), classifier: randomClassifier() };
  const refused = (wrong: KeptAdapter, message: RegExp) =>
    assert.throws(
      () => mergeAdapter(backbone, wrong),
      (error) => error instanceof InputError && message.test(error.message),
    );
  refused(
    { ...kept, backbone: { id: "other", hash: "0".repeat(64) } },
    /tiny with hash .*, wanted other with 0000/,
  );
  refused({ ...origin, adapter: randomAdapter() }, /no classifier/);
  refused({ ...kept, adapter: randomAdapter({}, { ...tinyViT, depth: 3 }) }, /no site "2\.q"/);
  const wide = { ...tinyViT, width: 10 };
  refused({ ...kept, adapter: randomAdapter({}, wide) }, /Cannot fold adapter at 0\.q/);
});
