/**
 * A trained adapter and its classifier as one model: the adapter folded into the backbone, the classifier as a linear
 * layer that gives its scores. Every tool that can run a Vision Transformer can then run it, and so can this one.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/json.ts";
import type { NamedTensors } from "../../core/tensors.ts";
import { type Backbone, createBackbone } from "../../nn/backbone.ts";
import { foldAdapter } from "../../nn/fold.ts";
import { scoringHead } from "../../nn/classifier.ts";
import type { LinearHead } from "../../nn/heads.ts";
import { writeSafetensors } from "../files/safetensors.ts";
import type { KeptAdapter } from "../adapters/adapter_file.ts";
import { formatCard } from "./card.ts";
import { CARD_KEY } from "../files/weight_file.ts";

/** A backbone with an adapter folded in and a classifier, and what it takes to read its answers. */
export interface MergedModel {
  /** With the merged weights; `head` gives the scores. */
  readonly backbone: Backbone & { readonly head: LinearHead };
  /** A card with the names of the classes and where it comes from, for a file beside the weights. */
  readonly card: string;
  /** The same for the weight file itself: the card, and its facts one by one. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Merges a kept adapter, or the bare backbone if it has none, with its classifier.
 *
 * @throws {InputError} If it belongs to another backbone, does not fit this one, or has no classifier
 */
export function mergeAdapter(backbone: Backbone, kept: KeptAdapter): MergedModel {
  const { adapter, classifier, cell, task, weights: replaced } = kept;
  checkOrigin(backbone, kept);
  if (!classifier) throw new InputError("Cannot merge adapter: found no classifier with it");
  const { id, config, pixels } = backbone;
  const head = scoringHead(classifier);
  const merged = fitting(() => {
    const base = { ...backbone.weights, ...replaced };
    const weights = adapter ? foldAdapter(config, base, adapter) : base;
    return createBackbone({ id, config, weights, pixels, head });
  });
  const facts = {
    backbone: { id, hash: backbone.hash },
    classifier: classifier.kind,
    ...(cell !== undefined && { cell }),
    ...(task !== undefined && { task }),
  };
  const { classNames } = classifier;
  const card = formatCard(merged, { ...facts, classNames });
  return {
    backbone: { ...merged, head },
    card,
    metadata: {
      [CARD_KEY]: card,
      class_names: canonicalJson(classNames),
      mean: canonicalJson(pixels.mean),
      std: canonicalJson(pixels.std),
      input: "pixels in [0, 1], channels first, minus mean, over std",
      origin: canonicalJson(facts),
    },
  };
}

/** @throws {InputError} If an adapter was trained on another backbone */
export function checkOrigin({ id, hash }: Pick<Backbone, "id" | "hash">, { backbone }: KeptAdapter): void {
  if (backbone.hash === hash) return;
  throw new InputError(
    `Cannot use the adapter: found the backbone ${id} with hash ${hash.slice(0, 12)}…, ` +
      `wanted ${backbone.id} with ${backbone.hash.slice(0, 12)}…, on which it was trained`,
  );
}

function fitting<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(error.message);
    throw error;
  }
}

/** All tensors of a merged model, under timm's names. */
export function mergedTensors({ backbone: { weights, head } }: MergedModel): NamedTensors {
  return { ...weights, "head.weight": head.weight, "head.bias": head.bias };
}

/** A merged model as a weight file that tells everything about itself. */
export function encodeMerged(model: MergedModel): Uint8Array {
  return writeSafetensors({ tensors: mergedTensors(model), metadata: model.metadata });
}
