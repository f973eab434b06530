/**
 * Folders with a tiny backbone, data and a suite, for tests of the commands from end to end.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import { createRng, type NamedTensors, sizeOf } from "../src/core/mod.ts";
import { formatCard, writeSafetensors } from "../src/formats/mod.ts";
import { createBackbone } from "../src/nn/mod.ts";
import { type CommandSpec, runCommand } from "./cli.ts";

export { inFolder } from "../src/core/test_folder.ts";
export { exists } from "./folders.ts";

/** Runs a command and gives its exit code and what it wrote. */
export async function callCommand<Options>(spec: CommandSpec<Options>, args: readonly string[]) {
  const written = { out: "", err: "" };
  const code = await runCommand(spec, args, {
    out: (text) => written.out += text,
    err: (text) => written.err += text,
  });
  return { code, ...written };
}

const WIDTH = 8;
const MLP = 16;

/** The tensors of a transformer of one block on images of 8x8 pixels, under timm's names. */
function tinyWeights(): NamedTensors {
  const shapes: Readonly<Record<string, readonly number[]>> = {
    "cls_token": [1, 1, WIDTH],
    "pos_embed": [1, 5, WIDTH],
    "patch_embed.proj.weight": [WIDTH, 3, 4, 4],
    "patch_embed.proj.bias": [WIDTH],
    "blocks.0.norm1.weight": [WIDTH],
    "blocks.0.norm1.bias": [WIDTH],
    "blocks.0.attn.qkv.weight": [3 * WIDTH, WIDTH],
    "blocks.0.attn.qkv.bias": [3 * WIDTH],
    "blocks.0.attn.proj.weight": [WIDTH, WIDTH],
    "blocks.0.attn.proj.bias": [WIDTH],
    "blocks.0.norm2.weight": [WIDTH],
    "blocks.0.norm2.bias": [WIDTH],
    "blocks.0.mlp.fc1.weight": [MLP, WIDTH],
    "blocks.0.mlp.fc1.bias": [MLP],
    "blocks.0.mlp.fc2.weight": [WIDTH, MLP],
    "blocks.0.mlp.fc2.bias": [WIDTH],
    "norm.weight": [WIDTH],
    "norm.bias": [WIDTH],
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const rng = createRng(0, name);
      const centre = /norm\d?\.weight$/.test(name) ? 1 : 0;
      return [name, {
        shape,
        data: Float32Array.from({ length: sizeOf(shape) }, () => centre + 0.3 * rng.normal()),
      }];
    }),
  );
}

/** Writes `tiny.safetensors` and its card; `spoil` may change the tensors or the file's bytes before. */
export async function writeBackbone(
  folder: string,
  spoil: {
    readonly tensors?: (weights: NamedTensors) => void;
    readonly bytes?: (bytes: Uint8Array) => Uint8Array;
  } = {},
): Promise<string> {
  const path = `${folder}/tiny.safetensors`;
  const pixels = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  const config = {
    image: 8,
    patch: 4,
    channels: 3,
    width: WIDTH,
    depth: 1,
    heads: 2,
    mlp: MLP,
    norm: "pre",
    activation: "gelu",
    epsilon: 1e-6,
  } as const;
  const weights = tinyWeights();
  const backbone = createBackbone({ id: "tiny", config, weights, pixels });
  spoil.tensors?.(weights);
  const bytes = writeSafetensors({ tensors: weights });
  await Deno.writeFile(path, spoil.bytes?.(bytes) ?? bytes);
  await Deno.writeTextFile(`${folder}/tiny.json`, formatCard(backbone));
  return path;
}

/** Writes a suite of tiny cells on the reference backend, with the given parts on top; gives its path. */
export async function writeSuite(
  folder: string,
  parts: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const path = `${folder}/suite.json`;
  const suite = {
    data: "procedural:classes=4,trainPerClass=4,testPerClass=3,size=8",
    backbone: await writeBackbone(folder),
    backend: "reference",
    methods: ["naive"],
    tasks: [2],
    seeds: [0],
    settings: { rank: 2, alpha: 2, epochs: 1, batchSize: 4 },
    ...parts,
  };
  await Deno.writeTextFile(path, JSON.stringify(suite));
  return path;
}
