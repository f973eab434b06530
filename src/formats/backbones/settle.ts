/**
 * From tensors and stated facts to an architecture. Sizes come from the tensors and must agree with what is stated;
 * what tensors do not tell must be stated. Nothing is guessed.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { formatShape, sameShape, type Shape } from "../../core/shape.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import type { PixelStatistics } from "../../nn/backbone.ts";
import {
  type Activation,
  backboneTensors,
  featureWidth,
  type NormOrder,
  type Pool,
  type ViTConfig,
} from "../../nn/config.ts";
import { asConvolution, type PatchOrder } from "./transforms.ts";
import type { BackboneFacts } from "./facts.ts";

/** Facts that the caller states; they win over all others. */
export interface BackboneOverrides {
  /** Attention heads of a block. */
  readonly heads?: number;
  /** Where layer norms stand. */
  readonly norm?: NormOrder;
  /** Of the MLP. */
  readonly activation?: Activation;
  /** Of every layer norm. */
  readonly epsilon?: number;
  /** What the feature is; see `Pool`. */
  readonly pool?: Pool;
  /** Of pixels in [0, 1], one number per channel. */
  readonly mean?: readonly number[];
  /** Of pixels in [0, 1], one number per channel. */
  readonly std?: readonly number[];
}

/** Sizes, as far as tensors tell them. */
type Sizes = Pick<ViTConfig, "image" | "patch" | "channels" | "width" | "depth" | "mlp">;

/** Parts that tensors tell, present if the model has them. */
type Parts = Pick<ViTConfig, "classToken" | "registers" | "embedNorm" | "gated">;

const STATED = ["heads", "norm", "activation", "epsilon"] as const;

function missingFact(fact: string, file: string): InputError {
  return new InputError(
    `Cannot load ${file}: found no "${fact}", which tensors do not tell; wanted it in a card or a config.json ` +
      `beside the file, or as an override (--${fact})`,
  );
}

/** Our tensor names for a depth, which no other size changes. */
export function tensorNames(depth: number): string[] {
  const any = { image: 1, patch: 1, channels: 1, width: 1, heads: 1, mlp: 1, epsilon: 1 } as const;
  // Whether there are a class token and a final norm is settled later.
  const config: ViTConfig = {
    ...any,
    depth,
    norm: "pre",
    activation: "gelu",
    finalNorm: false,
    classToken: false,
  };
  return backboneTensors(config).map(({ name }) => name);
}

/** Gives the weight of a linear patch embedding the shape of a convolution's. */
export function settlePatches(
  tensors: NamedTensors,
  order: PatchOrder | undefined,
  file: string,
): NamedTensors {
  const name = "patch_embed.proj.weight";
  const weight = tensors[name];
  if (weight?.shape.length !== 2) return tensors;
  if (order === undefined) {
    throw new InputError(
      `Cannot load ${file}: found a linear patch embedding and no "patchOrder", which tensors do not tell; ` +
        "wanted it in the card: channels-first or channels-last",
    );
  }
  try {
    return { ...tensors, [name]: asConvolution(order)(weight) };
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(`Cannot load ${file}: "${name}": ${error.message}`);
    throw error;
  }
}

/** Parts beyond the plain model, by the tensors that are there after `settleTokens` and `settlePooling`. */
function inferParts(tensors: NamedTensors): Parts {
  const inner = tensors["blocks.0.mlp.fc1.weight"]?.shape[0];
  const outer = tensors["blocks.0.mlp.fc2.weight"]?.shape[1] ?? 0;
  const registers = tensors["reg_token"]?.shape[1];
  return {
    ...(!("cls_token" in tensors) && { classToken: false }),
    ...(registers !== undefined && { registers }),
    ...("norm_pre.weight" in tensors && { embedNorm: true }),
    ...(outer > 0 && inner === 2 * outer && { gated: true }),
  };
}

function inferSizes(tensors: NamedTensors, file: string): Sizes {
  const shapeOf = (name: string, rank: number) => {
    const { shape } = tensors[name]!;
    if (shape.length !== rank || shape.some((size) => size < 1)) {
      throw new InputError(
        `Cannot load ${file}: "${name}" has the shape ${formatShape(shape)}, wanted ${rank} axes`,
      );
    }
    return shape;
  };
  const [width, channels, patch] = shapeOf("patch_embed.proj.weight", 4) as [number, number, number, number];
  const tokens = shapeOf("pos_embed", 3)[1]!;
  const side = Math.sqrt(tokens - ("cls_token" in tensors ? 1 : 0));
  if (!Number.isInteger(side) || side < 1) {
    throw new InputError(
      `Cannot load ${file}: found ${tokens} positions, wanted a square number of patches, with the class token or without`,
    );
  }
  shapeOf("blocks.0.mlp.fc1.weight", 2);
  const mlp = shapeOf("blocks.0.mlp.fc2.weight", 2)[1]!;
  const depth = Object.keys(tensors).filter((name) => name.endsWith(".mlp.fc1.weight")).length;
  return { image: side * patch, patch, channels, width, depth, mlp };
}

/** A pre-norm model without a final norm is more likely a damaged file: it must be stated. */
function hasFinalNorm(
  tensors: NamedTensors,
  stated: BackboneFacts["config"],
  norm: ViTConfig["norm"],
  file: string,
): boolean {
  const found = "norm.weight" in tensors || "norm.bias" in tensors;
  if (found && stated.finalNorm === false) {
    throw new InputError(`Cannot load ${file}: found a final norm, which the card says there is none of`);
  }
  if (!found && norm === "pre" && stated.finalNorm !== false) {
    throw new InputError(
      `Cannot load ${file}: found no final norm after pre-norm blocks; wanted "norm.weight" and "norm.bias", ` +
        'or "finalNorm": false in the card',
    );
  }
  return found;
}

/**
 * The architecture: sizes from the tensors, the rest from caller or card.
 *
 * @throws {InputError} If a fact is missing, or card and tensors contradict each other
 */
export function settleConfig(
  tensors: NamedTensors,
  card: BackboneFacts["config"],
  overrides: BackboneOverrides,
  file: string,
): ViTConfig {
  const sizes = inferSizes(tensors, file);
  for (const key of Object.keys(sizes) as (keyof Sizes)[]) {
    if (card[key] !== undefined && card[key] !== sizes[key]) {
      throw new InputError(
        `Cannot load ${file}: the card says ${key} ${card[key]}, the tensors ${sizes[key]}`,
      );
    }
  }
  const stated = Object.fromEntries(STATED.map((key) => {
    const value = overrides[key] ?? card[key];
    if (value === undefined) throw missingFact(key, file);
    return [key, value];
  })) as unknown as Pick<ViTConfig, typeof STATED[number]>;
  if (!Number.isInteger(stated.heads) || stated.heads < 1 || sizes.width % stated.heads !== 0) {
    throw new InputError(
      `Cannot load ${file}: found ${stated.heads} heads, wanted a divisor of width ${sizes.width}`,
    );
  }
  if (!(stated.epsilon > 0)) {
    throw new InputError(`Cannot load ${file}: found epsilon ${stated.epsilon}, wanted a positive number`);
  }
  const parts = inferParts(tensors);
  if (!parts.gated && card.gated) {
    throw new InputError(
      `Cannot load ${file}: found a perceptron of two layers, wanted a gated one, as stated`,
    );
  }
  const final = hasFinalNorm(tensors, card, stated.norm, file) ? {} : { finalNorm: false as const };
  const { pool = "token" } = card;
  return { ...sizes, ...stated, ...final, ...parts, ...(pool !== "token" && { pool }) };
}

/**
 * Pixel statistics, from caller or card.
 *
 * @throws {InputError} If they are missing or do not fit the channels
 */
export function settlePixels(
  { channels }: Pick<ViTConfig, "channels">,
  card: BackboneFacts["pixels"],
  overrides: BackboneOverrides,
  file: string,
): PixelStatistics {
  const settle = (key: "mean" | "std") => {
    const stated = overrides[key] ?? card[key];
    if (stated === undefined) throw missingFact(key, file);
    // One number holds for all channels, as in torchvision's Normalize.
    const values = stated.length === 1 ? Array<number>(channels).fill(stated[0]!) : stated;
    const isSound = (value: number) => Number.isFinite(value) && (key === "mean" || value > 0);
    if (values.length !== channels || !values.every(isSound)) {
      throw new InputError(
        `Cannot load ${file}: found pixel ${key} [${values}], wanted ${channels} ` +
          (key === "std" ? "positive numbers" : "numbers"),
      );
    }
    return values;
  };
  return { mean: settle("mean"), std: settle("std") };
}

function doubleHead(shape: Shape, file: string): InputError {
  return new InputError(
    `Cannot load ${file}: found a classifier ${
      formatShape(shape)
    } that reads twice the model's width, wanted the pool ` +
      "that gives so much: --pool token-and-mean, if it reads class token and mean of the patches side by side",
  );
}

/** @throws {InputError} If a tensor of the backbone or its classifier is missing or has another shape */
export function checkShapes(config: ViTConfig, tensors: NamedTensors, file: string): void {
  const head = tensors["head.weight"];
  const headSpecs = head
    ? [
      { name: "head.weight", shape: [head.shape[0] ?? 1, featureWidth(config)] },
      { name: "head.bias", shape: [head.shape[0] ?? 1] },
    ]
    : [];
  for (const { name, shape } of [...backboneTensors(config), ...headSpecs]) {
    const found = tensors[name];
    if (!found || !sameShape(found.shape, shape)) {
      const isDouble = name === "head.weight" && found?.shape[1] === 2 * config.width;
      if (isDouble) throw doubleHead(found.shape, file);
      throw new InputError(
        `Cannot load ${file}: found ${found ? formatShape(found.shape) : "nothing"} for "${name}", ` +
          `wanted ${formatShape(shape)}`,
      );
    }
  }
}
