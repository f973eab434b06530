/**
 * Weights of the wild: each case of ../shared/cases/weights is called as its README says, and gives the value of the real
 * tool or the sentence that the README asks for. Skipped where the folder is absent.
 */
import assert from "node:assert/strict";
import { callCommand, inFolder } from "../test_kit.ts";
import { backboneCommand } from "./backbone.ts";
import { exportCommand } from "./export.ts";

const cases = decodeURIComponent(new URL("../../../shared/cases/weights/", import.meta.url).pathname);
const hasCases = await Deno.stat(cases).then(() => true, () => false);
if (!hasCases) console.log("Weights of the wild are skipped: there is no ../shared/cases/weights.");

/** Facts that tensors do not tell, for cases without a config. */
const FACTS = "--heads 2 --norm pre --activation gelu --epsilon 1e-6 --mean 0.5,0.4,0.3 --std 0.5,0.25,0.2"
  .split(" ");

function show(path: string, facts: readonly string[] = [], data = "_data8") {
  const images = ["--logits", `folder:${cases}${data}`, "--backend", "reference", "--count", "4", "--json"];
  return callCommand(backboneCommand, [path, ...facts, ...images]);
}

interface Answer {
  readonly logits?: readonly number[];
  readonly feature: readonly number[];
}

/** Holds what the command shows for the test images against expected.json. */
async function assertValues(name: string, path: string, facts: readonly string[], tolerance = 1e-4) {
  const { code, out, err } = await show(path, facts);
  assert.equal(code, 0, `${name}: ${err}`);
  const { what, values } = JSON.parse(await Deno.readTextFile(`${cases}${name}/expected.json`)) as {
    readonly what: string;
    readonly values: readonly (readonly number[])[];
  };
  const { answers } = JSON.parse(out) as { readonly answers: readonly Answer[] };
  const found = answers.map(({ logits, feature }) => what.startsWith("feature") ? feature : logits!);
  values.forEach((row, i) =>
    row.forEach((value, j) =>
      assert.ok(Math.abs(found[i]![j]! - value) < tolerance, `${name}: ${found[i]} for ${row}`)
    )
  );
}

/** Cases that are read, with their path and facts. */
const values:
  readonly (readonly [name: string, path: string, facts: readonly string[], tolerance?: number])[] = [
    ["deit-distilled", "/model", []],
    ["dinov2-onnx-advice", "/model.onnx", FACTS],
    // Products in half precision are rounded there.
    ["onnx-autocast-blocks", "/model.onnx", FACTS, 2e-3],
    ["onnx-external-dot-slash", "/model.onnx", FACTS],
    ["onnx-external-no-length", "/model.onnx", FACTS],
    ["onnx-inserted-cast", "/model.onnx", FACTS],
    ["onnx-weights-constant", "/model.onnx", FACTS],
    ["prefix-teacher-backbone", "/model.safetensors", FACTS],
    ["safetensors-metadata-null", "/model", []],
    ["sharded", "/model", []],
    ["sharded", "/model/model.safetensors.index.json", []],
    ["timm-config-old-form", "", []],
    ["timm-distilled", "/model.safetensors", FACTS],
  ];

for (const [name, path, facts, tolerance] of values) {
  Deno.test({
    name: `weights of the wild: ${name}${path} gives the values of the real tool`,
    ignore: !hasCases,
    fn: () => assertValues(name, `${cases}${name}${path}`, facts, tolerance),
  });
}

for (const name of ["peft-regex-end-anchor", "peft-regex-open-repeat", "peft-regex-start-anchor"]) {
  Deno.test({
    name: `weights of the wild: ${name} merged gives the values of PEFT`,
    ignore: !hasCases,
    fn: () =>
      inFolder(async (out) => {
        const backbone = ["--backbone", `${cases}_base`, "--out", out, "--format", "safetensors"];
        const { code, err } = await callCommand(exportCommand, [`${cases}${name}/adapter`, ...backbone]);
        assert.equal(code, 0, err);
        await assertValues(name, `${out}/adapter.safetensors`, []);
      }),
  });
}

Deno.test({
  name: "weights of the wild: what has no expected values is read, too",
  ignore: !hasCases,
  fn: () =>
    inFolder(async (out) => {
      const wrapper = await show(`${cases}timm-wrapper`, FACTS);
      assert.equal(wrapper.code, 0, wrapper.err);
      const dinov2 = JSON.parse((await show(`${cases}dinov2-classifier/model`)).out);
      assert.equal(dinov2.answers[0].feature.length, 16);
      assert.equal(dinov2.answers[0].logits.length, 3);
      const saved = `${cases}peft-modules-to-save-default/adapter`;
      const backbone = ["--backbone", `${cases}_base`, "--out", out, "--format", "safetensors"];
      const { code, err } = await callCommand(exportCommand, [saved, ...backbone]);
      assert.equal(code, 0, err);
    }),
});

/** Cases that are refused, and what the sentence must say. */
const sentences: readonly (readonly [args: readonly string[], wanted: RegExp])[] = [
  [["lfs-pointer/model.safetensors"], /a pointer of Git LFS and not the file itself/],
  [["lfs-pointer/other.onnx", ...FACTS], /a pointer of Git LFS and not the file itself/],
  [["onnx-quantised-no-head/model.onnx", ...FACTS], /found quantised weights/],
  [["sharded/model/model-00001-of-00002.safetensors"], /one part of a model in several files/],
  [["timm-rectangular-square-count"], /img_size 8x32, wanted a square/],
];

const exportSentences: readonly (readonly [source: string, wanted: RegExp])[] = [
  ["peft-bin/adapter", /found a \.bin file.*safetensors\.torch\.save_file/],
  ["peft-classifier-lora/adapter", /found an adapted classifier \("classifier"\), which is not read/],
  ["peft-parent-folder/adapters", /found no adapter_config\.json.*there is one in .*default/],
];

Deno.test({
  name: "weights of the wild: what is refused is refused by what it is",
  ignore: !hasCases,
  fn: () =>
    inFolder(async (out) => {
      const check = ({ code, err }: { readonly code: number; readonly err: string }, wanted: RegExp) => {
        assert.equal(code, 2, err);
        assert.match(err, wanted);
        assert.doesNotMatch(err, /os error|ignore-unknown/);
      };
      for (const [[path, ...facts], wanted] of sentences) {
        check(await callCommand(backboneCommand, [`${cases}${path}`, ...facts]), wanted);
      }
      for (const [source, wanted] of exportSentences) {
        const args = ["--format", "safetensors", "--backbone", `${cases}_base`, "--out", out];
        check(await callCommand(exportCommand, [`${cases}${source}`, ...args]), wanted);
      }
    }),
});
