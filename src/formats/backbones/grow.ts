/**
 * A trained backbone as the start of a larger one: smaller patches, more blocks. At first the larger one computes what
 * the old one would of the image enlarged until its patches fit, so that little of the training is lost.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { type HostTensor, hostTensor, type NamedTensors } from "../../core/tensors.ts";
import { type Backbone, initBackbone, type ViTConfig } from "../../nn/mod.ts";
import { resamplePositions } from "./positions.ts";

/**
 * Weights of a backbone of `config` that start from those of another.
 *
 * Patch weights are summed over the pixels that one pixel of the smaller patch stands for, positions are resampled
 * (`resamplePositions`), and blocks beyond the old ones add nothing until they are trained: the projections that end
 * their two branches are zero, as in ReZero (Bachlechner et al., arXiv 2003.04887) and in net2net's deepening (Chen et
 * al., arXiv 1511.05641).
 *
 * @param seed Of what the new blocks begin with
 * @throws {InputError} If anything else differs, or the old patch is no multiple of the new one
 */
export function grownWeights(
  { config: from, weights }: Backbone,
  config: ViTConfig,
  seed: number,
): NamedTensors {
  const problem = misfit(from, config);
  if (problem) throw new InputError(`Cannot grow a backbone: found ${problem}`);
  const grown: Record<string, HostTensor> = { ...initBackbone(config, createRng(seed, "new blocks")) };
  for (const name of Object.keys(grown)) {
    const old = weights[name];
    if (name === "pos_embed") grown[name] = resamplePositions(old!, config.image / config.patch);
    else if (name === "patch_embed.proj.weight") grown[name] = summedPatches(old!, config.patch);
    else if (old) grown[name] = old;
    else if (/(attn\.proj|mlp\.fc2)\.weight$/.test(name)) grown[name] = hostTensor(grown[name]!.shape);
  }
  return grown;
}

function misfit(from: ViTConfig, to: ViTConfig): string | undefined {
  const { image: _, patch: oldPatch, depth: oldDepth, ...rest } = from;
  const { image: __, patch, depth, ...wanted } = to;
  if (oldPatch % patch !== 0) return `patches of ${oldPatch} pixels, wanted a multiple of ${patch}`;
  if (oldDepth > depth) return `${oldDepth} blocks, wanted at most ${depth}`;
  const keys = new Set([...Object.keys(rest), ...Object.keys(wanted)] as (keyof typeof rest)[]);
  const other = [...keys].find((key) => rest[key] !== wanted[key]);
  return other && `${other} ${rest[other]}, wanted ${wanted[other]}`;
}

/** [width, channels, p, p] summed over squares, to [width, channels, patch, patch]. */
function summedPatches({ shape, data }: HostTensor, patch: number): HostTensor {
  const [width, channels, old] = shape as [number, number, number];
  const ratio = old / patch;
  const summed = hostTensor([width, channels, patch, patch]);
  data.forEach((value, i) => {
    const x = i % old, y = Math.floor(i / old) % old, plane = Math.floor(i / (old * old));
    summed.data[(plane * patch + Math.floor(y / ratio)) * patch + Math.floor(x / ratio)]! += value;
  });
  return summed;
}
