/**
 * Families beyond the plain Vision Transformer, and adapters that train more than factors, with what transformers, timm
 * and peft computed: see fixtures/make/families.py.
 */
import assert from "node:assert/strict";
import { inFolder } from "../../core/test_folder.ts";
import type { Backbone } from "../../nn/backbone.ts";
import { distance, evaluate } from "../../nn/testing.ts";
import { stateLookup, vitFeature } from "../../nn/vit.ts";
import { loadPeft } from "../adapters/peft_read.ts";
import { encodePeft } from "../adapters/peft.ts";
import { readSafetensors } from "../files/safetensors.ts";
import { loadBackbone } from "./load_backbone.ts";
import { encodeMerged, mergeAdapter } from "./merged.ts";
import { exportOnnx } from "./onnx_export.ts";
import { randomAdapter, scoresOf } from "./test_models.ts";

const folder = new URL("../../../fixtures/interop/", import.meta.url).pathname;
const { tensors: expected } = readSafetensors(await Deno.readFile(`${folder}families/expected.safetensors`));
const images = expected["x"]!.data;

/** What the model gives for the images: logits, or features if it has no classifier. */
async function answers(backbone: Backbone): Promise<ArrayLike<number>> {
  if (backbone.head) {
    return await scoresOf(
      backbone,
      { classifier: { kind: "linear", classNames: [], ...backbone.head } },
      images,
    );
  }
  const { config, weights } = backbone;
  const build = (graph: Parameters<Parameters<typeof evaluate>[0]>[0]) => ({
    y: vitFeature(config, stateLookup(graph, config), graph.input("images", expected["x"]!.shape)),
  });
  return (await evaluate(build, weights, { images }))["y"]!;
}

const families = Object.keys(expected).filter((name) => name !== "x" && !name.startsWith("adapters/"));

for (const name of families) {
  Deno.test(`loadBackbone() of ${name} gives what its library computes, with all facts from its files`, async () => {
    const backbone = await loadBackbone(`${folder}families/${name}`);
    const error = distance(await answers(backbone), expected[name]!.data);
    assert.ok(error < 2e-5, `${error}`);
  });
}

Deno.test("encodeMerged() and exportOnnx() keep every family", () =>
  inFolder(async (copy) => {
    for (const name of families) {
      const backbone = await loadBackbone(`${folder}families/${name}`);
      if (!backbone.head) continue;
      const { id, hash } = backbone;
      const classifier = { kind: "linear", classNames: ["0", "1", "2"], ...backbone.head } as const;
      const merged = mergeAdapter(backbone, { backbone: { id, hash }, classifier });
      await Deno.writeFile(`${copy}/m.safetensors`, encodeMerged(merged));
      await Deno.writeFile(`${copy}/o.onnx`, exportOnnx(merged));
      for (const file of ["m.safetensors", "o.onnx"]) {
        const again = await loadBackbone(`${copy}/${file}`);
        const error = distance(await answers(again), expected[name]!.data);
        assert.ok(error < 2e-5, `${name} as ${file}: ${error}`);
      }
    }
  }));

/** Adapters, and the family that each was trained on. */
const adapters = {
  dora: "vit",
  bias: "vit",
  saved: "vit",
  teacher: "deit_teacher",
  clip: "clip_classifier",
  scaled: "dinov2",
  scaled_dora: "dinov2",
  scaled_bias: "dinov2",
};

for (const [name, family] of Object.entries(adapters)) {
  Deno.test(`loadPeft() of the adapter "${name}" gives what peft computes`, async () => {
    const backbone = await loadBackbone(`${folder}families/${family}`);
    const { id, hash, head } = backbone;
    const own = { kind: "linear", classNames: ["0", "1", "2"], ...head! } as const;
    const kept = {
      classifier: own,
      ...await loadPeft(`${folder}adapters/${name}`, backbone),
      backbone: { id, hash },
    };
    const error = distance(
      await answers(mergeAdapter(backbone, kept).backbone),
      expected[`adapters/${name}`]!.data,
    );
    assert.ok(error < 2e-5, `${error}`);
    assert.equal("weights" in kept, !["scaled", "teacher"].includes(name));
    if ("weights" in kept) {
      assert.throws(() => encodePeft(kept, backbone, "timm"), /found trained weights of the backbone \(/);
      await assert.rejects(
        loadPeft(`${folder}adapters/${name}`),
        /which changes the backbone, wanted that, too/,
      );
    }
  });
}

Deno.test("encodePeft() takes a folded layer scale out of the factors, and decodePeft() puts it in again", async () => {
  const backbone = await loadBackbone(`${folder}families/dinov2`);
  const { id, hash, config } = backbone;
  const adapter = randomAdapter({ targets: ["q", "proj", "fc2"] }, config);
  const files = encodePeft({ adapter, backbone: { id, hash } }, backbone, "hugging-face-5");
  await inFolder(async (copy) => {
    await Deno.writeTextFile(`${copy}/adapter_config.json`, files.config);
    await Deno.writeFile(`${copy}/adapter_model.safetensors`, files.weights);
    const again = (await loadPeft(copy, backbone)).adapter;
    const bare = (await loadPeft(copy)).adapter;
    for (const [site, { b }] of Object.entries(adapter.pairs)) {
      assert.ok(distance(again.pairs[site]!.b.data, b.data) < 1e-6, site);
      assert.equal(distance(bare.pairs[site]!.b.data, b.data) < 1e-6, site.endsWith(".q"), site);
    }
  });
});
