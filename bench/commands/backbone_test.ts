import assert from "node:assert/strict";
import { backboneCommand } from "./backbone.ts";
import { callCommand, inFolder, writeBackbone } from "../test_kit.ts";

const shared = decodeURIComponent(new URL("../../../shared/", import.meta.url).pathname);
const hasShared = await Deno.stat(`${shared}models`).then(() => true, () => false);
if (!hasShared) {
  console.log("Measurements of third-party checkpoints are skipped: there is no shared folder.");
}

const call = (...args: string[]) => callCommand(backboneCommand, args);
const toy = "procedural:classes=3,trainPerClass=6,testPerClass=4,size=8";

Deno.test("backbone describes a weight file", async () => {
  await inFolder(async (folder) => {
    const path = await writeBackbone(folder);
    const { code, out, err } = await call(path);
    assert.deepEqual([code, err], [0, ""]);
    for (
      const line of [
        /^file +\S+tiny\.safetensors$/m,
        /^facts from +\S+tiny\.json$/m,
        /^tensors +18, by the name map timm$/m,
        /^left over +none$/m,
        /^architecture +ViT, pre-norm, width 8, depth 1, 2 heads, MLP 16 with gelu, /m,
        /^images +3 x 8 x 8, patches of 4, 5 tokens$/m,
        /^parameters +1056$/m,
        /^classifier +none$/m,
      ]
    ) assert.match(out, line);
    const found = JSON.parse((await call(path, "--json")).out);
    assert.equal(found.parameters, 1056);
    assert.equal(found.architecture.heads, 2);
    assert.match(found.hash, /^[0-9a-f]{64}$/);
  });
});

Deno.test("backbone shows what is left over and missing of a file that it cannot load", async () => {
  await inFolder(async (folder) => {
    const path = await writeBackbone(folder, {
      tensors(weights) {
        const tensors = weights as Record<string, typeof weights[string]>;
        tensors["mystery"] = tensors["norm.bias"]!;
        delete tensors["blocks.0.attn.proj.weight"];
      },
    });
    const { code, out, err } = await call(path);
    assert.equal(code, 2);
    assert.match(out, /^missing +blocks\.0\.attn\.proj\.weight$/m);
    assert.match(out, /^left over +mystery$/m);
    assert.doesNotMatch(out, /architecture/);
    assert.match(err, /Cannot load \S+tiny\.safetensors: .*blocks\.0\.attn\.proj\.weight/);
    const json = await call(path, "--json");
    assert.equal(json.code, 2);
    assert.deepEqual(JSON.parse(json.out).leftover, ["mystery"]);
    assert.match(JSON.parse(json.out).problem, /Cannot load/);
  });
});

Deno.test("backbone probes frozen features, on the classes and images that were asked for", async () => {
  await inFolder(async (folder) => {
    const path = await writeBackbone(folder);
    const whole = await call(path, "--probe", toy, "--backend", "reference", "--json");
    assert.equal(whole.code, 0, whole.err);
    const { probe, backend } = JSON.parse(whole.out);
    assert.equal(backend.backend, "reference");
    assert.deepEqual([probe.classes, probe.train, probe.test], [3, 18, 12]);
    for (const score of ["ncmCosine", "ncmEuclidean", "ridge"]) {
      assert.ok(probe[score] >= 0 && probe[score] <= 1, `${score} ${probe[score]}`);
    }
    const few = await call(
      ...[path, "--logits", toy, "--count", "1", "--probe", toy, "--backend", "reference"],
      ...["--classes", "2", "--train-per-class", "3", "--test-per-class", "2"],
    );
    assert.match(few.out, /^test 0 of procedural.*: 0 \(/m);
    assert.match(
      few.out,
      /2 classes at once, 6 training images, 4 test images\n {2}NCM, cosine +\d+\.\d\d %\n/,
    );
    assert.match(few.out, /\ncomputed by +reference /);
  });
});

Deno.test("backbone answers wrong usage with code 2", async () => {
  for (
    const [args, message] of [
      [["frob"], /Cannot open backbone "frob": wanted nano/],
      [["nano", "--count", "3"], /Cannot use --count: .* --logits/],
      [["nano", "--logits", toy, "--train-per-class", "3"], /Cannot use --train-per-class: .* --probe/],
      [["nano", "--classes", "3"], /Cannot use --classes: .* --logits or --probe/],
      [["nano", "--backend", "frob"], /--backend/],
      [["nano", "--logits", toy, "--count", "13"], /Cannot show 13 test images of procedural: found 12/],
      [["nano", "--probe", toy, "--classes", "4"], /found 4, wanted an integer from 1 to its 3/],
      [[], /missing required argument/],
    ] as const
  ) {
    const { code, err } = await call(...args);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
});

/** Published beside the files, measured by others with NumPy. */
interface Card {
  readonly cifar100_ncm_acc: number;
  readonly cifar100_ridge_acc: number;
  readonly golden: {
    readonly logits: readonly (readonly number[])[];
    readonly feature_first8: readonly (readonly number[])[];
  };
}

for (const name of ["vit_cifar10_ashuahlawat", "vit_cifar10_smmk47"]) {
  Deno.test({
    name: `backbone repeats the logits and accuracies measured for ${name}`,
    ignore: !hasShared,
    async fn() {
      const card: Card = JSON.parse(await Deno.readTextFile(`${shared}models/${name}.json`));
      const data = `cifar100:${shared}data/cifar-100-binary`;
      const { code, out, err } = await call(
        ...[`${shared}models/${name}.safetensors`, "--backend", "onnx-node", "--json"],
        ...["--logits", data, "--count", "4"],
        ...["--probe", data, "--train-per-class", "100", "--test-per-class", "40"],
      );
      assert.equal(code, 0, err);
      const { answers, probe } = JSON.parse(out);
      const close = (found: readonly number[], wanted: readonly number[]) =>
        wanted.forEach((value, i) => assert.ok(Math.abs(found[i]! - value) < 1e-3, `${found[i]}, ${value}`));
      card.golden.logits.forEach((wanted, i) => close(answers[i].logits, wanted));
      card.golden.feature_first8.forEach((wanted, i) => close(answers[i].feature, wanted));
      assert.deepEqual([probe.train, probe.test], [10_000, 4000]);
      assert.ok(Math.abs(probe.ncmCosine - card.cifar100_ncm_acc) < 1e-4, `NCM ${probe.ncmCosine}`);
      assert.ok(Math.abs(probe.ridge - card.cifar100_ridge_acc) < 0.003, `ridge ${probe.ridge}`);
    },
  });
}
