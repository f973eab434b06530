/**
 * The running sum Σ_t ΔW_t of task adapters as one adapter. A sum of low-rank updates gains rank with every task;
 * exact sums stop growing at the full rank of ΔW, and a cap stops them earlier at the price of a truncated SVD.
 *
 * @module
 */
import { z } from "zod";
import { compress } from "../merge/compress.ts";
import { concat } from "../merge/concat.ts";
import { scaleAdapter } from "../merge/scale.ts";
import type { Adapter } from "../nn/adapter.ts";

/** The sum, absent before the first task, and the number of its terms. */
export type SumState = { readonly sum: Adapter | null; readonly count: number };

/** The empty sum. */
export const emptySum: SumState = { sum: null, count: 0 };

/** Adds a task's update. */
export function addToSum({ sum, count }: SumState, adapter: Adapter, rankCap: number | null): SumState {
  const terms = sum ? [sum, adapter] : [adapter];
  return { sum: compress(concat(terms), rankCap), count: count + 1 };
}

/** The adapter of factor · Σ_t ΔW_t. */
export function scaledSum({ sum }: SumState, factor: number): Adapter | undefined {
  return sum ? scaleAdapter(sum, factor) : undefined;
}

/** The option that bounds the sum's rank. */
export const rankCapOption: z.ZodDefault<z.ZodNullable<z.ZodNumber>> = z
  .int().min(1).nullable().default(null)
  .describe(
    "Largest rank of the kept sum; null keeps it exact, so that state grows by one adapter a task up to full rank",
  );
