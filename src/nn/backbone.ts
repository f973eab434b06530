/**
 * A backbone: the architecture, its weights, and the pixel statistics it was trained with. Its hash identifies it
 * in records.
 *
 * @module
 */
import { canonicalJson, sha256 } from "../core/json.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import type { HostTensor, NamedTensors } from "../core/tensors.ts";
import { backboneTensors, featureWidth, type ViTConfig } from "./config.ts";
import type { LinearHead } from "./heads.ts";

/** Pixels enter the model as (value - mean) / std per channel, with values in [0, 1]. */
export interface PixelStatistics {
  /** One number per channel. */
  readonly mean: readonly number[];
  /** One number per channel, above 0. */
  readonly std: readonly number[];
}

/** Data that a backbone was trained on. */
export interface TrainedOn {
  /** The data set's name. */
  readonly name: string;
  /** Its fingerprint, if known. */
  readonly fingerprint?: string;
  /** Numbers of its classes in WordNet, such as `n01443537`, if it has such. */
  readonly wordnet?: readonly string[];
}

/** A pre-trained Vision Transformer. */
export interface Backbone {
  /** Name for people, such as the file's. */
  readonly id: string;
  /** Its architecture. */
  readonly config: ViTConfig;
  /** Under the names of `backboneTensors`. */
  readonly weights: NamedTensors;
  /** How pixels enter it. */
  readonly pixels: PixelStatistics;
  /** Present when the file has a classifier. */
  readonly head?: LinearHead;
  /**
   * Factors of the outputs [out] of layers that were folded into their weights (LayerScale), by the layer's name: an
   * adapter that was trained elsewhere adds to the weight before them. They do not count for the hash.
   */
  readonly scales?: NamedTensors;
  /** Data that it was trained on, as far as its card tells; no part of the hash. */
  readonly trainedOn?: readonly TrainedOn[];
  /** SHA-256 of architecture, pixel statistics and tensors in canonical order; the id does not count. */
  readonly hash: string;
}

function bytes({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function checkTensor(name: string, tensor: HostTensor | undefined, wanted: readonly number[]): void {
  if (!tensor || !sameShape(tensor.shape, wanted)) {
    const found = tensor ? formatShape(tensor.shape) : "nothing";
    throw new RangeError(
      `Cannot create backbone: found ${found} for "${name}", wanted ${formatShape(wanted)}`,
    );
  }
}

/**
 * Checks the parts of a backbone against each other and hashes them. Tensors that the architecture does not name
 * are dropped.
 *
 * @throws {RangeError} If a tensor is missing or has another shape, or the pixel statistics do not fit
 */
export function createBackbone(parts: Omit<Backbone, "hash">): Backbone {
  const { id, config, pixels, head, scales, trainedOn } = parts;
  const specs = backboneTensors(config);
  for (const { name, shape } of specs) checkTensor(name, parts.weights[name], shape);
  if (head) {
    const classes = head.bias.data.length;
    checkTensor("head.weight", head.weight, [classes, featureWidth(config)]);
    checkTensor("head.bias", head.bias, [classes]);
  }
  for (const [what, values] of Object.entries({ mean: pixels.mean, std: pixels.std })) {
    if (values.length !== config.channels || (what === "std" && values.some((value) => !(value > 0)))) {
      throw new RangeError(
        `Cannot create backbone: found pixel ${what} [${values}], wanted ${config.channels} ` +
          (what === "std" ? "positive numbers" : "numbers"),
      );
    }
  }
  const weights = Object.fromEntries(specs.map(({ name }) => [name, parts.weights[name]!]));
  const named = Object.entries({
    ...weights,
    ...(head ? { "head.weight": head.weight, "head.bias": head.bias } : {}),
  });
  const hash = sha256(
    canonicalJson({ config, pixels, tensors: named.map(([name, { shape }]) => ({ name, shape })) }),
    ...named.map(([, tensor]) => bytes(tensor)),
  );
  return {
    id,
    config,
    weights,
    pixels,
    ...(head && { head }),
    ...(scales && { scales }),
    ...(trainedOn && { trainedOn }),
    hash,
  };
}
