/**
 * How many cells this machine's memory holds at a time. A cell of a large model claims gigabytes, and one cell per
 * core would end with a kill instead of a table.
 *
 * @module
 */
import { sizeOf } from "../../src/core/mod.ts";
import { type Dataset } from "../../src/data/mod.ts";
import { backboneTensors, tokenCount, type ViTConfig } from "../../src/nn/mod.ts";

/** What a worker needs without model and data. */
const WORKER_BYTES = 300 * 2 ** 20;
/** Copies of the weights: of the host, and of model and session of the step and of the features. */
const WEIGHT_COPIES = 8;
/** Values that a training step holds for each token and block, in multiples of the width. */
const VALUES_PER_WIDTH = 40;
/** Share of the free memory that cells may claim. */
const SHARE = 0.8;

/**
 * Bytes that a cell claims at its peak, roughly: 5.4 GiB for ViT-B/16 at batch 8, where 5.39 were measured.
 *
 * @param batch Images of a training step
 * @param data Of which every worker has a copy
 */
export function cellBytes(
  config: ViTConfig,
  batch: number,
  { train, test }: Pick<Dataset, "train" | "test">,
): number {
  const { width, depth } = config;
  const parameters = backboneTensors(config).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const values = batch * depth * tokenCount(config) * VALUES_PER_WIDTH * width;
  const images = train.images.byteLength + test.images.byteLength;
  return WORKER_BYTES + images + 4 * (WEIGHT_COPIES * parameters + values);
}

/** Free memory in bytes; undefined where this program may not ask. */
export function freeMemory(): number | undefined {
  try {
    return Deno.systemMemoryInfo().available;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** Cells that fit, at least one. */
export function cellsInMemory(bytes: number, free: number | undefined): number {
  return free === undefined ? Infinity : Math.max(1, Math.floor(SHARE * free / bytes));
}
