/**
 * The Vision Transformer (Dosovitskiy et al., arXiv 2010.11929) as a function of graph tensors: patch embedding,
 * class token, blocks, final norm. Blocks are pre-norm, or post-norm as in the original Transformer (Vaswani et
 * al., arXiv 1706.03762). There is one forward pass; whatever a method changes in it is an edit.
 *
 * @module
 */
import { add, attention, broadcast, concat, gelu, layerNorm, linear, mul } from "../graph/functions.ts";
import { narrow, relu, reshape, tanh, transpose } from "../graph/functions.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";
import { backboneTensors, type Pool, type ViTConfig } from "./config.ts";
import { adaptedLinear, type LoraBranch } from "./lora.ts";
import { frontOf, layeredFeature, pooled } from "./pooled.ts";
import { loraTargets, parseSite, type Projection, sitesOf } from "./sites.ts";

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

/** Tokens that join the sequence of a block. */
export interface Prompt {
  /** [batch or 1, count, width] */
  readonly tokens: Tensor;
  /** Whether they go on to the next blocks (L2P), or leave after this one. */
  readonly stays: boolean;
}

/** Keys and values [batch or 1, count, width] that a block's attention sees besides its own (DualPrompt, CODA-Prompt). */
export interface Prefix {
  /** [batch or 1, count, width] */
  readonly keys: Tensor;
  /** [batch or 1, count, width] */
  readonly values: Tensor;
}

/** What differs from the frozen backbone in one forward pass. */
export interface Edits {
  /** Adapters whose updates are added. */
  readonly branches?: readonly LoraBranch[];
  /** Tokens that join before a block, after those that are there. */
  prompts?(block: number): Prompt | undefined;
  /** Keys and values for a block's attention. */
  prefixes?(block: number): Prefix | undefined;
}

/** One forward pass. What nobody asks for is not computed. */
export interface Encoded {
  /** The feature that the architecture's `pool` says: [batch, featureWidth]. */
  readonly feature: Tensor;
  /** All tokens after the final norm, staying prompts last: [batch, tokens, width]. */
  readonly tokens: Tensor;
  /**
   * What the projection of a site reads, such as `"0.q"`: [batch, tokens, in].
   *
   * @throws {RangeError} If the backbone has no such site
   */
  input(site: string): Tensor;
}

/** Images [batch, channels, image, image] as tokens [batch, tokens, width], class token and registers first. */
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
  const ownToken = config.classToken === false ? [] : [broadcast(weights("cls_token"), [batch, 1, width])];
  const placed = add(
    ownToken.length > 0 ? concat([...ownToken, embedded], 1) : embedded,
    weights("pos_embed"),
  );
  const { registers } = config;
  if (!registers) return placed;
  const front = ownToken.length;
  return concat([
    ...(front > 0 ? [narrow(placed, 1, 0, front)] : []),
    broadcast(weights("reg_token"), [batch, registers, width]),
    narrow(placed, 1, front, side * side),
  ], 1);
}

/** x σ(factor x). */
function swish(x: Tensor, factor: number): Tensor {
  // σ(z) = (1 + tanh(z / 2)) / 2
  return mul(x, mul(add(tanh(mul(x, factor / 2)), 1), 0.5));
}

function activate(x: Tensor, { activation }: ViTConfig): Tensor {
  switch (activation) {
    case "gelu":
      return gelu(x);
    case "gelu-tanh":
      return gelu(x, "tanh");
    case "relu":
      return relu(x);
    case "quick-gelu":
      return swish(x, 1.702);
    case "silu":
      return swish(x, 1);
  }
}

/** One forward pass while it is built: the inputs of all sites met so far are noted. */
class Pass {
  readonly inputs = new Map<string, Tensor>();

  constructor(
    readonly config: ViTConfig,
    readonly weights: WeightLookup,
    readonly edits: Edits,
  ) {}

  normalised(name: string, value: Tensor): Tensor {
    return layerNorm(
      value,
      this.weights(`${name}.weight`),
      this.weights(`${name}.bias`),
      this.config.epsilon,
    );
  }

  /** One block. With `front`, what follows the attention is computed for so many of the first tokens alone. */
  block(index: number, x: Tensor, front?: number): Tensor {
    const { heads, norm } = this.config;
    const name = `blocks.${index}`;
    const needed = (value: Tensor) => front === undefined ? value : narrow(value, 1, 0, front);
    const prompt = this.edits.prompts?.(index);
    const all = prompt ? concat([x, spread(prompt.tokens, x.shape[0]!)], 1) : x;

    const before = norm === "pre" ? this.normalised(`${name}.norm1`, all) : all;
    const attended = this.#attend(this.#project(index, "attn.qkv", before), heads, index);
    const middle = add(needed(all), this.#project(index, "attn.proj", needed(attended)));
    const after = norm === "pre"
      ? add(middle, this.#perceptron(index, this.normalised(`${name}.norm2`, middle)))
      : this.#postNorm(index, this.normalised(`${name}.norm1`, middle));
    return prompt && !prompt.stays && front === undefined ? narrow(after, 1, 0, x.shape[1]!) : after;
  }

  #postNorm(index: number, normal: Tensor): Tensor {
    return this.normalised(`blocks.${index}.norm2`, add(normal, this.#perceptron(index, normal)));
  }

  #perceptron(index: number, value: Tensor): Tensor {
    const inner = this.#project(index, "mlp.fc1", value);
    return this.#project(
      index,
      "mlp.fc2",
      this.config.gated ? this.#gate(inner) : activate(inner, this.config),
    );
  }

  #gate(halves: Tensor): Tensor {
    const { mlp } = this.config;
    return mul(activate(narrow(halves, 2, 0, mlp), this.config), narrow(halves, 2, mlp, mlp));
  }

  /** Attention. Prefixes are tokens that do not ask, and whose answers are dropped, so that it stays one op. */
  #attend(qkv: Tensor, heads: number, index: number): Tensor {
    const prefix = this.edits.prefixes?.(index);
    if (!prefix) return attention(qkv, heads);
    const [batch, tokens] = qkv.shape as [number, number];
    const [keys, values] = [spread(prefix.keys, batch), spread(prefix.values, batch)];
    const rows = concat([mul(keys, 0), keys, values], 2);
    return narrow(attention(concat([qkv, rows], 1), heads), 1, 0, tokens);
  }

  #project(index: number, part: Projection, value: Tensor): Tensor {
    const placements = sitesOf(this.config, index, part);
    for (const { site } of placements) this.inputs.set(site, value);
    const name = `blocks.${index}.${part}`;
    const [w, bias] = [this.weights(`${name}.weight`), this.weights(`${name}.bias`)];
    return adaptedLinear(value, w, bias, this.edits.branches ?? [], placements);
  }
}

/** The same tokens for every image, if they are given once. */
function spread(tokens: Tensor, batch: number): Tensor {
  return tokens.shape[0] === batch ? tokens : broadcast(tokens, [batch, ...tokens.shape.slice(1)]);
}

function checkSites(config: ViTConfig, names: readonly string[]): void {
  for (const name of names) {
    const site = parseSite(name);
    if (!site || site.block >= config.depth) {
      throw new RangeError(
        `Cannot adapt site "${name}": wanted <block>.<target> with a block below ${config.depth} ` +
          `and a target of ${loraTargets.join(", ")}`,
      );
    }
  }
}

/**
 * One forward pass with edits.
 *
 * @param images [batch, channels, image, image], normalised
 * @throws {RangeError} If a branch adapts a site that the backbone lacks
 */
export function encode(
  config: ViTConfig,
  weights: WeightLookup,
  images: Tensor,
  edits: Edits = {},
): Encoded {
  checkSites(config, (edits.branches ?? []).flatMap(({ pairs }) => Object.keys(pairs)));
  const pass = new Pass(config, weights, edits);
  const last = config.depth - 1;
  const embedded = embed(config, weights, images);
  let before = config.embedNorm ? pass.normalised("norm_pre", embedded) : embedded;
  for (let i = 0; i < last; i++) before = pass.block(i, before);
  const finish = (tokens: Tensor) => config.finalNorm === false ? tokens : pass.normalised("norm", tokens);
  let whole: Tensor | undefined;
  const tokens = () => whole ??= pass.block(last, before);
  return {
    get feature() {
      const pool: Pool = config.pool ?? "token";
      if (pool === "token-and-layers") return layeredFeature(config, this);
      // Other tokens have no use after the last attention. A pass of its own: `input` is of all tokens.
      const needed = new Pass(config, weights, edits).block(last, before, frontOf(config));
      return pooled(config, pool, needed, finish);
    },
    get tokens() {
      return finish(tokens());
    },
    input(site) {
      checkSites(config, [site]);
      tokens();
      return pass.inputs.get(site)!;
    },
  };
}

/**
 * The feature of an image; see `Pool`.
 *
 * @param images [batch, channels, image, image], normalised
 * @param branches Adapters whose updates are added
 * @returns [batch, featureWidth]
 * @throws {RangeError} If a branch adapts a site that the backbone lacks
 */
export function vitFeature(
  config: ViTConfig,
  weights: WeightLookup,
  images: Tensor,
  branches: readonly LoraBranch[] = [],
): Tensor {
  return encode(config, weights, images, { branches }).feature;
}
