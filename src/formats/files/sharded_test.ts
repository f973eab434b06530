import assert from "node:assert/strict";
import { InputError } from "../../core/errors.ts";
import { fuzz, mutateJson, mutateText } from "../../core/test_fuzz.ts";
import { inFolder } from "../../core/test_folder.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { loadBackbone } from "../backbones/load_backbone.ts";
import { formatCard } from "../backbones/card.ts";
import { randomBackbone } from "../backbones/test_models.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import { joinShards, parseIndex } from "./sharded.ts";

const backbone = randomBackbone();
const NAMES = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const INDEX = "model.safetensors.index.json";

/** The tensors in two files, dealt in turn, and their index. */
function shards(tensors: NamedTensors) {
  const entries = Object.entries(tensors);
  const parts = NAMES.map((file, i) =>
    [file, Object.fromEntries(entries.filter((_, at) => at % 2 === i))] as const
  );
  const map = Object.fromEntries(
    parts.flatMap(([file, part]) => Object.keys(part).map((name) => [name, file])),
  );
  return { parts, index: { metadata: null, weight_map: map } };
}

const { parts, index } = shards(backbone.weights);

async function write(folder: string, changed: unknown = index): Promise<void> {
  for (const [file, tensors] of parts) {
    await Deno.writeFile(`${folder}/${file}`, writeSafetensors({ tensors }));
  }
  await Deno.writeTextFile(`${folder}/${INDEX}`, JSON.stringify(changed));
  await Deno.writeTextFile(`${folder}/model.json`, formatCard(backbone));
}

Deno.test("loadBackbone() reads a model in several files by its folder or its index", () =>
  inFolder(async (folder) => {
    await write(folder);
    for (const path of [folder, `${folder}/${INDEX}`]) {
      assert.equal((await loadBackbone(path)).hash, backbone.hash);
    }
  }));

Deno.test("loadBackbone() names what a model in several files lacks", () =>
  inFolder(async (folder) => {
    const refuse = (path: string, message: RegExp) =>
      assert.rejects(
        loadBackbone(path),
        (error) => error instanceof InputError && message.test(error.message),
      );
    await write(folder);
    await refuse(`${folder}/${NAMES[0]}`, /one part of a model in several files/);
    const moved = { ...index, weight_map: { ...index.weight_map, cls_token: NAMES[1] } };
    await write(folder, moved);
    await refuse(folder, /no tensor "cls_token" in "model-00002-of-00002\.safetensors"/);
    await write(folder, { ...index, weight_map: { ...index.weight_map, extra: NAMES[1] } });
    await refuse(folder, /no tensor "extra"/);
    for (const name of ["../x.safetensors", "/x.safetensors", "a/b.safetensors", "x.bin", ""]) {
      await write(folder, { weight_map: { cls_token: name } });
      await refuse(folder, /wanted \.safetensors files beside it/);
    }
    await write(folder, { weight_map: {} });
    await refuse(folder, /found no tensors/);
    await write(folder);
    await Deno.remove(`${folder}/${NAMES[1]}`);
    await refuse(folder, /model-00002-of-00002\.safetensors: it does not exist/);
    await Deno.remove(`${folder}/${INDEX}`);
    await refuse(folder, /found model-00001-of-00002\.safetensors, which are parts of a model, and no index/);
  }));

Deno.test("joinShards() of damaged indices reads or refuses", async () => {
  const files = new Map<string, Uint8Array>(
    parts.map(([file, tensors]) => [file, writeSafetensors({ tensors })]),
  );
  const total = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const text = JSON.stringify(index);
  await fuzz("sharded index", total, (rng) => {
    const damaged = rng.integer(2) ? mutateText(text, rng) : JSON.stringify(mutateJson(index, rng));
    const map = parseIndex(damaged, "damaged");
    const found = new Map([...new Set(map.values())].map((name) => {
      const bytes = files.get(name);
      if (!bytes) throw new InputError(`Cannot read ${name}: found none`);
      return [name, readSafetensors(bytes)] as const;
    }));
    const { tensors } = joinShards(map, found, "damaged");
    return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
  }, /^Cannot read [^]+: [^]+/);
});
