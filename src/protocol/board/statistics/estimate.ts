/**
 * A mean with what its values leave open.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import type { Estimate } from "../board.ts";
import type { Bootstrap } from "./bootstrap.ts";

/** Twelve digits: enough for all purposes, and not those that depend on the order of a sum. */
export function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

/** Mean, deviation and interval of some values; `undefined` of none. */
export function estimate(values: readonly number[], bootstrap: Bootstrap): Estimate | undefined {
  if (values.length === 0) return undefined;
  const list = [...values];
  const interval = bootstrap(values);
  return {
    mean: rounded(mean(list)),
    ...(list.length > 1 && { deviation: rounded(sampleStandardDeviation(list)) }),
    n: list.length,
    ...(interval && { interval: [rounded(interval[0]), rounded(interval[1])] as const }),
  };
}
