import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { hostTensor, type NamedTensors } from "../../core/tensors.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { type LoraTarget } from "../../nn/sites.ts";
import { foldAdapter } from "../../nn/fold.ts";
import { distance } from "../../nn/testing.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import type { KeptAdapter } from "./adapter_file.ts";
import { loadBackbone } from "../backbones/load_backbone.ts";
import { encodePeft, type PeftFiles } from "./peft.ts";
import { decodePeft, loadPeft } from "./peft_read.ts";
import { peftNamings } from "./peft_names.ts";
import {
  randomAdapter,
  randomBackbone,
  randomClassifier,
  scoresOf,
  tinyViT,
} from "../backbones/test_models.ts";

const folder = new URL("../../../fixtures/interop/", import.meta.url).pathname;
const backbone = randomBackbone();

function keep(adapter: Adapter): KeptAdapter {
  return { backbone: { id: "tiny", hash: backbone.hash }, cell: "ham-T2", task: 0, adapter };
}

const targetLists: readonly (readonly LoraTarget[])[] = [
  ["q", "v"],
  ["q", "k", "v", "proj", "fc1", "fc2"],
  ["qkv", "fc2"],
];

/** Some sites with another rank, and one missing. */
function uneven(): Adapter {
  const { pairs, ...gain } = randomAdapter();
  const { "1.v": wide } = randomAdapter({ rank: 5 }).pairs;
  const { "0.v": _, ...rest } = pairs;
  return { ...gain, pairs: { ...rest, "1.v": wide! } };
}

for (const naming of peftNamings) {
  Deno.test(`decodePeft() of what encodePeft() wrote for ${naming} gives the adapter back to the bit`, () => {
    for (const adapter of [...targetLists.map((targets) => randomAdapter({ targets })), uneven()]) {
      const back = decodePeft(encodePeft(keep(adapter), backbone, naming), "x");
      assert.deepEqual(back, { adapter });
      assert.deepEqual(Object.keys(back.adapter.pairs), Object.keys(adapter.pairs));
    }
  });

  Deno.test(`encodePeft() for ${naming} needs nothing but PEFT's own settings to keep the update`, () => {
    for (const adapter of [...targetLists.map((targets) => randomAdapter({ targets })), uneven()]) {
      const { config, weights } = encodePeft(keep(adapter), backbone, naming);
      const { tensors } = readSafetensors(weights);
      const plain = decodePeft({ config, weights: writeSafetensors({ tensors }) }, "x").adapter;
      assert.equal(plain.importance, 1);
      const [found, wanted] = [plain, adapter].map((one) => foldAdapter(tinyViT, backbone.weights, one));
      for (const [name, { data }] of Object.entries(wanted!)) {
        assert.ok(distance(found![name]!.data, data) < 1e-6, `${naming}: ${name}`);
      }
    }
  });
}

Deno.test("encodePeft() names short targets where they mean the adapted modules alone", () => {
  const targets = (adapter: Adapter, naming: typeof peftNamings[number]) =>
    JSON.parse(encodePeft(keep(adapter), backbone, naming).config).target_modules as string[];
  assert.deepEqual(targets(randomAdapter(), "hugging-face"), [
    "attention.attention.query",
    "attention.attention.value",
  ]);
  assert.deepEqual(targets(randomAdapter(), "timm"), ["attn.qkv"]);
  // "output.dense" alone would also mean the attention's.
  assert.deepEqual(targets(randomAdapter({ targets: ["fc2"] }), "hugging-face"), [
    "vit.encoder.layer.0.output.dense",
    "vit.encoder.layer.1.output.dense",
  ]);
  const { pairs, ...gain } = randomAdapter();
  const second = { ...gain, pairs: { "1.q": pairs["1.q"]! } };
  assert.deepEqual(targets(second, "hugging-face-5"), ["vit.layers.1.attention.q_proj"]);
});

Deno.test("encodePeft() keeps the classifier's scores, with the names of its classes", () => {
  for (const kind of ["linear", "ncm"] as const) {
    const classifier = randomClassifier(kind);
    const files = encodePeft({ ...keep(randomAdapter()), classifier }, backbone, "hugging-face");
    assert.deepEqual(JSON.parse(files.config).modules_to_save, ["classifier"]);
    const back = decodePeft(files, "x").classifier!;
    assert.deepEqual([back.kind, back.classNames], ["linear", classifier.classNames]);
    if (kind === "linear") assert.deepEqual(back.weight, classifier.weight);
    else assert.deepEqual(back.bias, hostTensor([3]));
  }
});

Deno.test("encodePeft() refuses a bare backbone and an adapter that does not fit", () => {
  const refused = (kept: KeptAdapter, message: RegExp) =>
    assert.throws(
      () => encodePeft(kept, backbone, "timm"),
      (error) => error instanceof InputError && message.test(error.message),
    );
  const { backbone: origin } = keep(randomAdapter());
  refused({ backbone: origin }, /the bare backbone/);
  refused({ ...keep(randomAdapter()), backbone: { id: "other", hash: "00" } }, /wanted other with 00/);
  refused(keep(randomAdapter({}, { ...tinyViT, depth: 3 })), /found 2\.q .* a site of the backbone/);
  refused(
    keep(randomAdapter({}, { ...tinyViT, width: 10 })),
    /found 0\.q .* wanted \[rank,8\] and \[8,rank\]/,
  );
});

const { tensors: expected } = readSafetensors(await Deno.readFile(`${folder}expected.safetensors`));

for (const name of ["hub", "timm"]) {
  Deno.test(`loadPeft() of an adapter that PEFT wrote for ${name} gives PEFT's logits`, async () => {
    const stated = { heads: 2, norm: "pre", activation: "gelu", epsilon: 1e-6 } as const;
    const base = name === "hub"
      ? await loadBackbone(`${folder}hub`)
      : await loadBackbone(`${folder}timm_script.onnx`, {
        overrides: { ...stated, mean: [0, 0, 0], std: [1, 1, 1] },
      });
    const { adapter, classifier } = await loadPeft(`${folder}peft_${name}`);
    assert.deepEqual(classifier!.classNames, ["0", "1", "2"]);
    const found = await scoresOf(base, { adapter, classifier: classifier! }, expected["x"]!.data);
    assert.ok(distance(found, expected[`peft_${name}/logits`]!.data) < 2e-5);
  });
}

Deno.test("encodePeft() of an adapter that PEFT wrote gives PEFT's names, and its values to the bit", async () => {
  for (const [name, naming] of [["peft_hub", "hugging-face-5"], ["peft_timm", "timm"]] as const) {
    const { adapter, classifier } = await loadPeft(`${folder}${name}`);
    const { config, weights } = encodePeft({ ...keep(adapter), classifier: classifier! }, backbone, naming);
    const theirs = readSafetensors(await Deno.readFile(`${folder}${name}/adapter_model.safetensors`)).tensors;
    const ours = readSafetensors(weights).tensors;
    assert.deepEqual(Object.keys(ours), Object.keys(theirs));
    // In the other one modules differ in their gain, which goes into B.
    if (name === "peft_timm") assert.deepEqual(ours, theirs);
    const { r, lora_alpha, target_modules, modules_to_save } = JSON.parse(
      await Deno.readTextFile(`${folder}${name}/adapter_config.json`),
    );
    const written = JSON.parse(config);
    assert.deepEqual([written.r, written.lora_alpha], [r, lora_alpha]);
    assert.deepEqual(written.modules_to_save, modules_to_save);
    const short = (names: readonly string[]) => names.map((one) => one.split(".").at(-1)).sort();
    assert.deepEqual(short(written.target_modules), short(target_modules));
  }
});

Deno.test("encodePeft() gives a transformers model before version 5 its names", () => {
  const adapter = randomAdapter({ targets: ["q", "k", "v", "proj", "fc1", "fc2"] });
  const { weights } = encodePeft(keep(adapter), backbone, "hugging-face");
  const names = Object.keys(readSafetensors(weights).tensors);
  assert.deepEqual(
    names.filter((name) => name.includes("layer.0.") && name.endsWith("lora_A.weight")),
    [
      "attention.attention.key",
      "attention.attention.query",
      "attention.attention.value",
      "attention.output.dense",
      "intermediate.dense",
      "output.dense",
    ].map((module) => `base_model.model.vit.encoder.layer.0.${module}.lora_A.weight`),
  );
});

/** A sound adapter's files with changes. */
function changed(
  settings: Readonly<Record<string, unknown>>,
  tensors: (plain: NamedTensors) => NamedTensors = (plain) => plain,
): PeftFiles {
  const { config, weights } = encodePeft(keep(randomAdapter()), backbone, "hugging-face");
  return {
    config: JSON.stringify({ ...JSON.parse(config), ...settings }),
    weights: writeSafetensors({ tensors: tensors(readSafetensors(weights).tensors) }),
  };
}

Deno.test("decodePeft() takes alpha from patterns, by the square root of the rank if the config says so", () => {
  const plain = decodePeft(changed({ lora_alpha: 6 }), "x").adapter;
  assert.equal(plain.scale, 2);
  assert.equal(decodePeft(changed({ lora_alpha: 6, use_rslora: true }), "x").adapter.scale, 6 / Math.sqrt(3));
  const doubled =
    decodePeft(changed({ lora_alpha: 6, alpha_pattern: { "layer.1.*query": 12 } }), "x").adapter;
  assert.equal(doubled.scale, 2);
  assert.deepEqual(doubled.pairs["1.q"]!.b.data, plain.pairs["1.q"]!.b.data.map((value) => 2 * value));
  assert.deepEqual(doubled.pairs["0.q"], plain.pairs["0.q"]);
  const blocks = Array.from({ length: 24 }, (_, i) => i).join("|");
  const alpha_pattern = { [`.*layer\\.(${blocks})\\..*query`]: 6 };
  assert.equal(decodePeft(changed({ alpha_pattern }), "x").adapter.scale, 2);
});

Deno.test("decodePeft() believes the config where somebody has changed it since", () => {
  const adapter = randomAdapter();
  const { config, weights } = encodePeft(keep(adapter), backbone, "timm");
  const other = JSON.stringify({ ...JSON.parse(config), lora_alpha: 12 });
  assert.equal(decodePeft({ config: other, weights }, "x").adapter.scale, 12 / 6);
});

Deno.test("decodePeft() refuses by name what would change the update, and files that do not fit together", () => {
  const refused = (files: PeftFiles, message: RegExp) =>
    assert.throws(
      () => decodePeft(files, "some/folder"),
      (error) =>
        error instanceof InputError && /^Cannot read (adapter )?some\/folder: /.test(error.message) &&
        message.test(error.message),
    );
  refused(changed({ bias: "some" }), /found bias "some", wanted one of none, all, lora_only/);
  refused(changed({ lora_bias: true }), /lora_bias/);
  refused(changed({ init_lora_weights: "pissa" }), /init_lora_weights "pissa"/);
  refused(changed({ layer_replication: [[0, 1]] }), /layer_replication/);
  refused(changed({ something_new: { x: 1 } }), /something_new/);
  refused(changed({ peft_type: "LOHA" }), /peft_type/);
  refused(changed({ r: 0 }), /its config has r: /);
  refused(changed({ r: 4 }), /found rank 3 of "vit.*query", wanted 4/);
  refused(
    changed({ alpha_pattern: { "(a": 1 } }),
    /found the pattern "\(a", wanted one .*a group without end/,
  );
  refused(changed({ alpha_pattern: { "(?i)query": 1 } }), /found the pattern .*the flags \(\?i\)/);
  // Matching these would take longer than anybody lives.
  for (const key of ["(\\w+\\.?)+x", "(.|.)*x", "(.*.*)*.*.*x"]) {
    refused(changed({ alpha_pattern: { [key]: 1 } }), /found the pattern ".+, which takes too long to match/);
  }
  refused(changed({ constructor: 1 }), /found constructor 1, wanted it off/);
  refused({ ...changed({}), config: "{" }, /its config is not JSON/);
  refused({ ...changed({}), weights: new Uint8Array(3) }, /found 3 bytes/);
  const query = "base_model.model.vit.encoder.layer.0.attention.attention.query";
  const added = (more: NamedTensors) => changed({}, (plain) => ({ ...plain, ...more }));
  refused(
    added({ [`${query}.lora_magnitude_vector`]: hostTensor([8]) }),
    /the tensor "magnitudes at 0\.q", which changes the backbone/,
  );
  refused(
    added({ "base_model.model.vit.pooler.lora_A.weight": hostTensor([3, 8]) }),
    /the module "vit.pooler"/,
  );
  refused(added({ "__proto__.lora_A.weight": hostTensor([3, 8]) }), /the module "__proto__"/);
  refused(added({ [`${query}.lora_A.weight`]: hostTensor([2, 8]) }), /found A \[2,8\] and B \[8,3\]/);
  refused(added({ "layers.0.attention.q_proj.lora_A.weight": hostTensor([3, 8]) }), /two modules are 0\.q/);
  refused(added({ [`${query}.lora_A.default.weight`]: hostTensor([3, 8]) }), /two tensors mean the same/);
  refused(
    added({ "classifier.weight": hostTensor([3, 8]), "head.weight": hostTensor([3, 7]) }),
    /two tensors mean the same, one of them "head\.weight"/,
  );
  refused(added({ "classifier.weight": hostTensor([3, 8]) }), /a classifier of \[3,8\] and no bias/);
  refused(changed({}, () => ({})), /found no lora_A/);
});
