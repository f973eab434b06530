/**
 * The sum of earlier updates in the forward pass of a training, as one frozen branch whose rank stays the same while
 * the sum grows, so that the program does, too.
 *
 * @module
 */
import { compress } from "../../merge/compress.ts";
import type { Adapter } from "../../nn/adapter.ts";
import { loraSites } from "../../nn/sites.ts";
import type { FrozenBranches } from "../frozen_branches.ts";
import type { Kit } from "../method.ts";

/** Tasks whose adapters stand side by side in one program; every further so many compile another. */
export const PLACES = 16;

/** Places for so many adapters: a multiple of `PLACES`, at least one of it. */
export function placesFor(count: number): number {
  return PLACES * Math.max(1, Math.ceil(count / PLACES));
}

/**
 * A frozen branch for a sum of task adapters, or for none yet.
 *
 * @param terms Task adapters in the sum, each of the run's rank
 */
export function frozenSum(
  sum: Adapter | null,
  terms: number,
  { config, lora }: Pick<Kit, "config" | "lora">,
): FrozenBranches {
  const full = Math.max(
    ...loraSites(config, lora.targets).map(({ inputs, outputs }) => Math.min(inputs, outputs)),
  );
  return {
    adapters: sum ? [compress(sum, null)] : [],
    slots: 1,
    rank: Math.min(full, placesFor(terms) * lora.rank),
    gains: sum ? [1] : [],
    trainGains: false,
  };
}
