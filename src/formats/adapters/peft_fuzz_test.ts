import { fuzz, mutate, mutateJson, mutateText } from "../../core/test_fuzz.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { readSafetensors, writeSafetensors } from "../files/safetensors.ts";
import { encodePeft, type PeftFiles } from "./peft.ts";
import { decodePeft } from "./peft_read.ts";
import { randomAdapter, randomBackbone, randomClassifier } from "../backbones/test_models.ts";

const backbone = randomBackbone();
const { config, weights } = encodePeft(
  { backbone, adapter: randomAdapter(), classifier: randomClassifier() },
  backbone,
  "timm",
);
const { tensors, metadata } = readSafetensors(weights);
const facts = JSON.parse(metadata["ham-bench"]!) as unknown;

/** Bytes of what a reading gave. */
function sizeOf({ adapter, classifier }: ReturnType<typeof decodePeft>): number {
  const factors = Object.values(adapter.pairs).flatMap(({ a, b }) => [a, b]);
  const rows = classifier ? [classifier.weight, classifier.bias] : [];
  return [...factors, ...rows].reduce((sum, { data }) => sum + data.byteLength, 0);
}

const message = /^Cannot read (adapter )?damaged: [^]+/;

function read(files: PeftFiles): number {
  return sizeOf(decodePeft(files, "damaged"));
}

Deno.test("decodePeft() of 10,000 damaged files reads or refuses", async () => {
  const limit = 4 * weights.length;
  await fuzz("PEFT bytes", limit, (rng) => {
    const head = 8 + new DataView(weights.buffer, weights.byteOffset).getUint32(0, true);
    return rng.uniform() < 0.5
      ? read({ config, weights: mutate(weights, rng, head) })
      : read({ config: mutateText(config, rng), weights });
  }, message);
});

Deno.test("decodePeft() of 10,000 sound files with odd content reads or refuses", async () => {
  await fuzz("PEFT content", 4 * weights.length, (rng) => {
    const part = rng.integer(3);
    if (part === 0) return read({ config: JSON.stringify(mutateJson(JSON.parse(config), rng)), weights });
    const own = part === 1 ? JSON.stringify(mutateJson(facts, rng)) : metadata["ham-bench"]!;
    const renamed: NamedTensors = part === 1 ? tensors : Object.fromEntries(
      Object.entries(tensors).map(([name, tensor]) => [
        rng.integer(4) === 0 ? mutateText(name, rng) : name,
        rng.integer(8) === 0 ? { shape: [...tensor.shape].reverse(), data: tensor.data } : tensor,
      ]),
    );
    return read({
      config,
      weights: writeSafetensors({ tensors: renamed, metadata: { "ham-bench": own } }),
    });
  }, message);
});
