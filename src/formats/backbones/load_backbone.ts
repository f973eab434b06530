/**
 * Loading a pre-trained backbone: weights from a safetensors or ONNX file of any known naming, sizes from the
 * tensors, and what tensors do not tell (heads, activation, norm order, epsilon, pixel statistics) from a card, the
 * files of the Hugging Face hub, or the caller. Nothing is guessed.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { HostTensor, NamedTensors } from "../../core/tensors.ts";
import { type Backbone, createBackbone } from "../../nn/backbone.ts";
import type { ViTConfig } from "../../nn/config.ts";
import { nameMapOf } from "./card_names.ts";
import { checkNothingMissing, listed, type MappedTensors } from "./name_map.ts";
import { nearestNameMap } from "./nearest_map.ts";
import { nameMaps } from "./name_maps.ts";
import { resamplePositions } from "./positions.ts";
import type { SafetensorsContent } from "../files/safetensors.ts";
import type { BackboneFacts } from "./facts.ts";
import { settlePooling } from "./pooling.ts";
import { checkRepresentable, checkUnknown, isAttentionPool, isBuffer } from "./representable.ts";
import {
  type BackboneOverrides,
  checkShapes,
  settleConfig,
  settlePatches,
  settlePixels,
  tensorNames,
} from "./settle.ts";
import { settleTokens } from "./tokens.ts";
import { findFacts, findWeights, idOf, readWeightFile, readWeights } from "../files/weight_file.ts";

export type { BackboneOverrides } from "./settle.ts";

/** How to load. */
export interface LoadOptions {
  /** Path of the card; see `findFacts` for what is used without it. */
  readonly card?: string;
  /** Facts that win over those of card and file. */
  readonly overrides?: BackboneOverrides;
  /** Load although the file has tensors that no name map knows; the model may then compute something else. */
  readonly ignoreUnknown?: boolean;
  /** Side of the images to see, in pixels; positions are resampled if the file's are for others. */
  readonly image?: number;
}

/** What a weight file turned out to hold. */
export interface BackboneInspection extends Omit<MappedTensors, "tensors" | "scales"> {
  /** The weight file. */
  readonly file: string;
  /** Where the facts come from; absent if there were none. */
  readonly factsFrom?: string;
  /** Tensors in the file. */
  readonly count: number;
  /**
   * The backbone.
   *
   * @throws {InputError} If tensors are missing or unknown, a fact is missing, or facts contradict tensors
   */
  backbone(): Backbone;
}

/** Positions for images of another side; the tensors are those of `image` pixels then. */
function resizePositions(
  tensors: NamedTensors,
  image: number | undefined,
  { patch, classToken }: ViTConfig,
  file: string,
): NamedTensors {
  if (image === undefined) return tensors;
  if (!Number.isInteger(image) || image < patch || image % patch !== 0) {
    throw new InputError(
      `Cannot load ${file} for images of ${image} pixels: wanted a multiple of the patch size ${patch}`,
    );
  }
  return {
    ...tensors,
    pos_embed: resamplePositions(tensors["pos_embed"]!, image / patch, classToken === false ? 0 : 1),
  };
}

/**
 * Matches the content of a weight file with the model's tensors, and tells how to make a backbone of it.
 *
 * @param file Path or name of the weights, named in errors
 * @throws {InputError} If the content is unsound
 */
function inspectWeights(
  content: SafetensorsContent,
  file: string,
  id: string,
  facts: BackboneFacts,
  { overrides = {}, ignoreUnknown = false, image }: LoadOptions,
): BackboneInspection {
  const maps = facts.names ? [nameMapOf(facts.names, file)] : nameMaps;
  const { tensors: mapped, scales, ...names } = nearestNameMap(maps, content.tensors, tensorNames, file);
  const all = { ...content.tensors, ...content.integers };
  const unknown = [...names.leftover, ...Object.keys(content.integers)];
  const isPooled = (overrides.pool ?? facts.config.pool ?? "token") !== "token";
  const isNeedless = (name: string) => isBuffer(name, all[name]!) || (isPooled && isAttentionPool(name));
  const buffers = new Set(unknown.filter(isNeedless));
  const leftover = unknown.filter((name) => !buffers.has(name));
  const unneeded = [...names.unneeded, ...buffers];
  return {
    ...names,
    leftover,
    unneeded,
    file,
    count: Object.keys(all).length,
    backbone() {
      checkRepresentable({ ...names, leftover }, file);
      checkNoIntegers(content.integers, file);
      checkNothingMissing({ ...names, leftover }, file);
      checkUnknown(leftover, ignoreUnknown, names.map, file);
      const known = withoutUnused(mapped, facts.unused);
      const patched = settlePatches(known, facts.patchOrder, file);
      const placed = settleTokens(patched, patchesOf(facts, patched, content.images), file);
      const { pool, tensors } = settlePooling(placed, {
        stated: facts.config.pool,
        asked: overrides.pool,
        map: names.map,
      }, file);
      const stored = settleConfig(tensors, { ...facts.config, pool }, overrides, file);
      checkShapes(stored, tensors, file);
      checkImages(stored, content.images, file);
      checkGrid(stored, facts.grid, file);
      const config = { ...stored, image: image ?? stored.image };
      const weights = resizePositions(tensors, image, stored, file);
      const pixels = settlePixels(config, facts.pixels, overrides, file);
      const head = headOf(weights);
      const { trainedOn } = facts;
      return createBackbone({
        id,
        config,
        weights,
        pixels,
        ...(head && { head }),
        ...(Object.keys(scales).length > 0 && { scales }),
        ...(trainedOn && { trainedOn }),
      });
    },
  };
}

/** Patches of an image, if files beside the weights, or a graph, state its size. */
function patchesOf(
  { config: { image }, grid }: BackboneFacts,
  tensors: NamedTensors,
  images: SafetensorsContent["images"],
): number | undefined {
  if (grid !== undefined) return grid ** 2;
  const patch = tensors["patch_embed.proj.weight"]?.shape[3];
  const side = image ?? images?.[1];
  return side === undefined || !patch ? undefined : Math.floor(side / patch) ** 2;
}

/** What the architecture has and does not use, by the files beside it, under our names. */
function withoutUnused(tensors: NamedTensors, unused: readonly string[] = []): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).filter(([name]) => !unused.some((part) => name.startsWith(`${part}.`))),
  );
}

/** @throws {InputError} If a graph takes images of another size than the positions tell */
function checkImages(
  { channels, image }: ViTConfig,
  images: SafetensorsContent["images"],
  file: string,
): void {
  if (!images) return;
  const [found, height, width] = images;
  if (found === channels && height === image && width === image) return;
  throw new InputError(
    `Cannot load ${file}: found a graph for images of ${height}x${width} with ${found} channels, wanted ` +
      `${image}x${image} with ${channels}, as its tensors tell`,
  );
}

/** @throws {InputError} If matrices are integers: no layer has such weights before it is quantised */
function checkNoIntegers(integers: SafetensorsContent["integers"], file: string): void {
  const names = Object.keys(integers).filter((name) =>
    integers[name]!.shape.length >= 2 && /weight/.test(name)
  );
  if (names.length === 0) return;
  throw new InputError(
    `Cannot load ${file}: found quantised weights (${
      listed(names)
    } of integers), wanted floating-point weights`,
  );
}

/** @throws {InputError} If files beside the weights state another grid of patches */
function checkGrid({ image, patch }: ViTConfig, grid: number | undefined, file: string): void {
  if (grid === undefined || grid === image / patch) return;
  throw new InputError(
    `Cannot load ${file}: the card says ${grid} patches in a row, the tensors ${image / patch}`,
  );
}

function headOf(tensors: NamedTensors): { weight: HostTensor; bias: HostTensor } | undefined {
  const weight = tensors["head.weight"];
  const bias = tensors["head.bias"];
  return weight && bias ? { weight, bias } : undefined;
}

/**
 * Builds a backbone from the content of its files.
 *
 * @param file Path or name of the weights, named in errors; the id is its last part without the extension
 * @throws {InputError} If the content is unsound, a fact is missing, or facts and tensors contradict each other
 */
export function parseBackbone(
  weights: Uint8Array,
  file: string,
  facts: BackboneFacts = { config: {}, pixels: {} },
  options: LoadOptions = {},
): Backbone {
  return inspectWeights(readWeights(weights, file), file, idOf(file), facts, options).backbone();
}

/**
 * Reads the files of a backbone and tells what they hold.
 *
 * @param path A weight file, or a folder with one
 * @throws {InputError} If a file cannot be read or is unsound
 */
export async function inspectBackbone(path: string, options: LoadOptions = {}): Promise<BackboneInspection> {
  const { weights, id } = await findWeights(path);
  const content = await readWeightFile(weights);
  const { facts, source } = await findFacts(weights, options.card, content.metadata);
  const inspection = inspectWeights(content, weights, id, facts, options);
  return { ...inspection, ...(source !== undefined && { factsFrom: source }) };
}

/**
 * Loads a backbone from a weight file or a folder with one.
 *
 * @throws {InputError} As `inspectBackbone` and its `backbone()`
 */
export async function loadBackbone(path: string, options: LoadOptions = {}): Promise<Backbone> {
  return (await inspectBackbone(path, options)).backbone();
}
