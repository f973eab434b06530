import assert from "node:assert/strict";
import { openBackbone } from "../backbones.ts";
import { runCommand } from "../cli.ts";
import { pretrainCommand } from "./pretrain.ts";
import { callCommand, exists, inFolder } from "../test_kit.ts";

const recipe = {
  name: "tiny",
  description: "for a test",
  licence: "none",
  data: "procedural:classes=3,trainPerClass=8,testPerClass=4,size=8,part=pretrain",
  config: {
    image: 8,
    patch: 4,
    channels: 3,
    width: 8,
    depth: 1,
    heads: 2,
    mlp: 16,
    norm: "pre",
    activation: "gelu",
    epsilon: 1e-6,
  },
  pixels: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
  seed: 1,
  epochs: 3,
  batchSize: 4,
  learningRate: 1e-3,
  weightDecay: 0.05,
  warmup: 0.1,
  smoothing: 0.1,
  crop: 1,
  flip: 0.5,
  jitter: 0.2,
  mixup: 0.2,
};

const backend = ["--backend", "onnx", "--threads", "1"];

async function writeRecipe(folder: string, change: object = {}): Promise<string> {
  const path = `${folder}/recipe.json`;
  await Deno.writeTextFile(path, JSON.stringify({ ...recipe, ...change }));
  return path;
}

Deno.test("pretrain writes weights, card, checkpoint and log; a training that was stopped ends with the same bytes", () =>
  inFolder(async (folder) => {
    const path = await writeRecipe(folder);
    const { code, out } = await callCommand(pretrainCommand, [
      path,
      "--out",
      `${folder}/whole`,
      ...backend,
    ]);
    assert.equal(code, 0);
    const backbone = await openBackbone(`${folder}/whole/tiny.safetensors`);
    assert.deepEqual(backbone.config, recipe.config);
    assert.deepEqual(out, `${folder}/whole/tiny.safetensors ${backbone.hash}\n`);
    const log = (await Deno.readTextFile(`${folder}/whole/tiny.log.jsonl`)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    assert.deepEqual(log.map(({ epoch }) => epoch), [1, 2, 3]);
    for (const { loss, accuracy, seconds } of log) {
      assert.ok(loss > 0 && accuracy >= 0 && accuracy <= 1 && seconds > 0);
    }
    const { about } = JSON.parse(await Deno.readTextFile(`${folder}/whole/tiny.json`));
    assert.deepEqual(about.recipe, recipe);

    const cut = ["--out", `${folder}/cut`, ...backend];
    const stopped = await runCommand(pretrainCommand, [path, ...cut], {
      out: () => {},
      err(text) {
        if (text.startsWith("epoch 2/3")) throw new Error("stopped");
      },
    });
    assert.equal(stopped, 1);
    assert.ok(!await exists(`${folder}/cut/tiny.safetensors`));
    const { err } = await callCommand(pretrainCommand, [path, ...cut]);
    assert.match(err, /2 of 3 epochs done/);
    assert.deepEqual(
      await Deno.readFile(`${folder}/cut/tiny.safetensors`),
      await Deno.readFile(`${folder}/whole/tiny.safetensors`),
    );
  }));

Deno.test("pretrain refuses another recipe's checkpoint, a wrong recipe, and data that is not there", () =>
  inFolder(async (folder) => {
    const refused = async (message: RegExp, ...args: readonly string[]) => {
      const { code, err } = await callCommand(pretrainCommand, [
        ...args,
        "--out",
        `${folder}/out`,
        ...backend,
      ]);
      assert.equal(code, 2);
      assert.match(err, message);
    };
    await refused(/Cannot read recipe .*none\.json/, `${folder}/none.json`);
    await refused(/--backend.*frob/, await writeRecipe(folder), "--backend", "frob");
    await refused(/Cannot use recipe .*batchSize/s, await writeRecipe(folder, { batchSize: 0 }));
    await refused(/none/, await writeRecipe(folder), "--data", `cifar100:${folder}/none`);
    assert.ok(!await exists(`${folder}/out`));
    const path = await writeRecipe(folder, { epochs: 1 });
    const data = [
      "--data",
      "procedural:classes=3,trainPerClass=8,testPerClass=4,size=8,part=pretrain,seed=5",
    ];
    assert.equal(
      (await callCommand(pretrainCommand, [path, ...data, "--out", `${folder}/out`, ...backend])).code,
      0,
    );
    await refused(/Cannot go on from .*another recipe or other data/, path);
  }));

Deno.test("pretrain starts from a backbone, grown, and its card names all that both were trained on", () =>
  inFolder(async (folder) => {
    const first = await writeRecipe(folder, { epochs: 1 });
    assert.equal((await callCommand(pretrainCommand, [first, "--out", folder, ...backend])).code, 0);
    const parent = await openBackbone(`${folder}/tiny.safetensors`);
    const other = recipe.data.replace("testPerClass=4", "testPerClass=4,seed=5");
    const grown = await writeRecipe(folder, {
      name: "grown",
      from: `${folder}/tiny.safetensors`,
      optimiser: "muon",
      data: `${recipe.data}+${other}`,
      config: { ...recipe.config, patch: 2, depth: 2 },
      epochs: 1,
    });
    const { code, err } = await callCommand(pretrainCommand, [grown, "--out", folder, ...backend]);
    assert.equal(code, 0, err);
    const child = await openBackbone(`${folder}/grown.safetensors`);
    assert.equal(child.config.depth, 2);
    assert.deepEqual(child.trainedOn!.map(({ name }) => name), [
      "procedural-pretrain",
      "procedural-pretrain",
    ]);
    assert.deepEqual(child.trainedOn![0], parent.trainedOn![0]);
    assert.notEqual(child.trainedOn![1]!.fingerprint, parent.trainedOn![0]!.fingerprint);
    const card = JSON.parse(await Deno.readTextFile(`${folder}/grown.json`));
    assert.equal(card.about.parent, parent.hash);

    const wider = await writeRecipe(folder, {
      name: "wider",
      from: `${folder}/tiny.safetensors`,
      config: { ...recipe.config, width: 16 },
    });
    const refused = await callCommand(pretrainCommand, [wider, "--out", folder, ...backend]);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /Cannot grow a backbone: found width 8, wanted 16/);
  }));
