/**
 * The Vision Transformer (Dosovitskiy et al., arXiv 2010.11929) as a function of graph tensors: patch embedding,
 * class token, blocks, final norm. Blocks are pre-norm, or post-norm as in the original Transformer (Vaswani et
 * al., arXiv 1706.03762).
 *
 * @module
 */
import { add, attention, broadcast, concat, gelu, layerNorm, linear } from "../graph/functions.ts";
import { narrow, relu, reshape, transpose } from "../graph/functions.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { type LoraTarget, loraTargets } from "./adapter.ts";
import { backboneTensors, type ViTConfig } from "./config.ts";
import { adaptedLinear, type LoraBranch } from "./lora.ts";

/** Gives a backbone's tensor by its name in `backboneTensors`. */
export type WeightLookup = (name: string) => Tensor;

/**
 * Weights as states of a graph, under their own names.
 *
 * @throws {RangeError} When asked for a name that the backbone does not have
 */
export function stateLookup(graph: Graph, config: ViTConfig): WeightLookup {
  const shapes = new Map(backboneTensors(config).map(({ name, shape }) => [name, shape]));
  return (name) => {
    const shape = shapes.get(name);
    if (!shape) throw new RangeError(`Cannot look up "${name}": the backbone has no such tensor`);
    return graph.state(name, shape);
  };
}

/** Images [batch, channels, image, image] as tokens [batch, tokens, width], the class token first. */
function embed(config: ViTConfig, weights: WeightLookup, images: Tensor): Tensor {
  const { channels, patch, width } = config;
  const batch = images.shape[0]!;
  const side = config.image / patch;
  // A convolution whose stride is its size is a linear map of disjoint patches.
  const patches = transpose(reshape(images, [batch, channels, side, patch, side, patch]), [0, 2, 4, 1, 3, 5]);
  const size = channels * patch * patch;
  const embedded = linear(
    reshape(patches, [batch, side * side, size]),
    reshape(weights("patch_embed.proj.weight"), [width, size]),
    weights("patch_embed.proj.bias"),
  );
  const classToken = broadcast(weights("cls_token"), [batch, 1, width]);
  return add(concat([classToken, embedded], 1), weights("pos_embed"));
}

function activate(x: Tensor, { activation }: ViTConfig): Tensor {
  switch (activation) {
    case "gelu":
      return gelu(x);
    case "gelu-tanh":
      return gelu(x, "tanh");
    case "relu":
      return relu(x);
  }
}

/** One block. With `classOnly`, what follows the attention is computed for the class token alone. */
function block(
  config: ViTConfig,
  weights: WeightLookup,
  index: number,
  x: Tensor,
  branches: readonly LoraBranch[],
  classOnly: boolean,
): Tensor {
  const { width, heads, norm, epsilon } = config;
  const name = (part: string) => `blocks.${index}.${part}`;
  const normalised = (part: string, value: Tensor) =>
    layerNorm(value, weights(name(`${part}.weight`)), weights(name(`${part}.bias`)), epsilon);
  const project = (part: string, value: Tensor, rows: { readonly [K in LoraTarget]?: number }) =>
    adaptedLinear(
      value,
      weights(name(`${part}.weight`)),
      weights(name(`${part}.bias`)),
      branches,
      Object.entries(rows).map(([target, row]) => ({ site: `${index}.${target}`, row })),
    );
  const needed = (value: Tensor) => classOnly ? narrow(value, 1, 0, 1) : value;
  const perceptron = (value: Tensor) =>
    project("mlp.fc2", activate(project("mlp.fc1", value, { fc1: 0 }), config), { fc2: 0 });

  const before = norm === "pre" ? normalised("norm1", x) : x;
  const qkv = project("attn.qkv", before, { q: 0, k: width, v: 2 * width, qkv: 0 });
  const attended = project("attn.proj", needed(attention(qkv, heads)), { proj: 0 });
  const middle = add(needed(x), attended);
  if (norm === "pre") return add(middle, perceptron(normalised("norm2", middle)));
  const normal = normalised("norm1", middle);
  return normalised("norm2", add(normal, perceptron(normal)));
}

function checkSites(config: ViTConfig, branches: readonly LoraBranch[]): void {
  for (const site of branches.flatMap(({ pairs }) => Object.keys(pairs))) {
    const [, index, target] = /^(\d+)\.(.+)$/.exec(site) ?? [];
    if (
      !(Number(index) < config.depth) || !(loraTargets as readonly (string | undefined)[]).includes(target)
    ) {
      throw new RangeError(
        `Cannot adapt site "${site}": wanted <block>.<target> with a block below ${config.depth} ` +
          `and a target of ${loraTargets.join(", ")}`,
      );
    }
  }
}

/**
 * The class token's feature after the final norm, if there is one.
 *
 * @param images [batch, channels, image, image], normalised
 * @param branches Adapters whose updates are added
 * @returns [batch, width]
 * @throws {RangeError} If a branch adapts a site that the backbone lacks
 */
export function vitFeature(
  config: ViTConfig,
  weights: WeightLookup,
  images: Tensor,
  branches: readonly LoraBranch[] = [],
): Tensor {
  checkSites(config, branches);
  let tokens = embed(config, weights, images);
  for (let i = 0; i < config.depth; i++) {
    tokens = block(config, weights, i, tokens, branches, i === config.depth - 1);
  }
  const classToken = reshape(tokens, [images.shape[0]!, config.width]);
  if (config.finalNorm === false) return classToken;
  return layerNorm(classToken, weights("norm.weight"), weights("norm.bias"), config.epsilon);
}
