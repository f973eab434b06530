/**
 * Loading a pre-trained backbone: weights from a safetensors file of any known naming, sizes from the tensors, and
 * what tensors do not tell (heads, activation, norm order, epsilon, pixel statistics) from a card or the caller.
 * Nothing is guessed.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import type { HostTensor, NamedTensors } from "../core/tensors.ts";
import { type Backbone, createBackbone } from "../nn/backbone.ts";
import { type Activation, backboneTensors, type ViTConfig } from "../nn/config.ts";
import { chooseNameMap } from "../weights/name_map.ts";
import { nameMaps } from "../weights/name_maps.ts";
import { readSafetensors } from "../weights/safetensors.ts";
import { type CardFacts, parseCard } from "./card.ts";
import { isFile, readBytes, readText } from "./files.ts";

/** Facts that the caller states; they win over the card. */
export interface BackboneOverrides {
  readonly heads?: number;
  readonly norm?: "pre" | "post";
  readonly activation?: Activation;
  readonly epsilon?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** How to load. */
export interface LoadOptions {
  /** Path of the card. Without it, `X.json` beside `X.safetensors` is used if it exists. */
  readonly card?: string;
  readonly overrides?: BackboneOverrides;
  /** Load although the file has tensors that no name map knows; the model may then compute something else. */
  readonly ignoreUnknown?: boolean;
}

/** Sizes, as far as tensors tell them. */
type Sizes = Pick<ViTConfig, "image" | "patch" | "channels" | "width" | "depth" | "mlp">;

const STATED = ["heads", "norm", "activation", "epsilon"] as const;

/** Names for a depth; they do not depend on the other sizes. */
function wantedNames(depth: number): string[] {
  const any = { image: 1, patch: 1, channels: 1, width: 1, heads: 1, mlp: 1, epsilon: 1 } as const;
  return backboneTensors({ ...any, depth, norm: "pre", activation: "gelu" }).map(({ name }) => name);
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
  const side = Math.sqrt(tokens - 1);
  if (!Number.isInteger(side) || side < 1) {
    throw new InputError(
      `Cannot load ${file}: found ${tokens} positions, wanted a square number of patches and the class token`,
    );
  }
  const mlp = shapeOf("blocks.0.mlp.fc1.weight", 2)[0]!;
  const depth = Object.keys(tensors).filter((name) => name.endsWith(".mlp.fc1.weight")).length;
  return { image: side * patch, patch, channels, width, depth, mlp };
}

function checkShapes(config: ViTConfig, tensors: NamedTensors, file: string): void {
  const head = tensors["head.weight"];
  const headSpecs = head
    ? [
      { name: "head.weight", shape: [head.shape[0] ?? 1, config.width] },
      { name: "head.bias", shape: [head.shape[0] ?? 1] },
    ]
    : [];
  for (const { name, shape } of [...backboneTensors(config), ...headSpecs]) {
    const found = tensors[name];
    if (!found || !sameShape(found.shape, shape)) {
      throw new InputError(
        `Cannot load ${file}: found ${found ? formatShape(found.shape) : "nothing"} for "${name}", ` +
          `wanted ${formatShape(shape)}`,
      );
    }
  }
}

/** Sizes from the tensors, the rest from caller or card; what the card says of sizes must agree. */
function settleConfig(
  sizes: Sizes,
  card: CardFacts["config"],
  overrides: BackboneOverrides,
  file: string,
): ViTConfig {
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
  return { ...sizes, ...stated };
}

function missingFact(fact: string, file: string): InputError {
  return new InputError(
    `Cannot load ${file}: found no "${fact}", which tensors do not tell; ` +
      `wanted it in the card beside the file or among the overrides`,
  );
}

function settlePixels(
  config: ViTConfig,
  card: CardFacts["pixels"],
  overrides: BackboneOverrides,
  file: string,
) {
  const settle = (key: "mean" | "std") => {
    const values = overrides[key] ?? card[key];
    if (values === undefined) throw missingFact(key, file);
    const isSound = (value: number) => Number.isFinite(value) && (key === "mean" || value > 0);
    if (values.length !== config.channels || !values.every(isSound)) {
      throw new InputError(
        `Cannot load ${file}: found pixel ${key} [${values}], wanted ${config.channels} ` +
          (key === "std" ? "positive numbers" : "numbers"),
      );
    }
    return values;
  };
  return { mean: settle("mean"), std: settle("std") };
}

/**
 * Builds a backbone from the content of its files.
 *
 * @param file Path or name of the weights, named in errors; the id is its last part without the extension
 * @throws {InputError} If the content is unsound, a fact is missing, or card and tensors contradict each other
 */
export function parseBackbone(
  weights: Uint8Array,
  file: string,
  card: CardFacts = { config: {}, pixels: {} },
  { overrides = {}, ignoreUnknown = false }: LoadOptions = {},
): Backbone {
  const content = readSafetensors(weights, { file, finite: true });
  const { map, tensors, leftover } = chooseNameMap(nameMaps, content.tensors, wantedNames, file);
  const unknown = [...leftover, ...Object.keys(content.integers)];
  if (unknown.length > 0 && !ignoreUnknown) {
    throw new InputError(
      `Cannot load ${file}: found tensors that the name map ${map} does not know (${unknown.join(", ")}); ` +
        "wanted none, or leave to ignore unknown tensors",
    );
  }
  const config = settleConfig(inferSizes(tensors, file), card.config, overrides, file);
  checkShapes(config, tensors, file);
  const pixels = settlePixels(config, card.pixels, overrides, file);
  const id = file.replace(/^.*[/\\]/, "").replace(/\.safetensors$/, "");
  const head = headOf(tensors);
  return createBackbone({ id, config, weights: tensors, pixels, ...(head ? { head } : {}) });
}

function headOf(tensors: NamedTensors): { weight: HostTensor; bias: HostTensor } | undefined {
  const weight = tensors["head.weight"];
  const bias = tensors["head.bias"];
  return weight && bias ? { weight, bias } : undefined;
}

/**
 * Loads a backbone from a safetensors file.
 *
 * @throws {InputError} As `parseBackbone`, and if a file cannot be read
 */
export async function loadBackbone(path: string, options: LoadOptions = {}): Promise<Backbone> {
  const weights = await readBytes(path);
  const beside = path.replace(/\.safetensors$/, "") + ".json";
  const cardPath = options.card ?? (await isFile(beside) ? beside : undefined);
  const card = cardPath && parseCard(await readText(cardPath), cardPath);
  return parseBackbone(weights, path, card || undefined, options);
}
