/**
 * Summaries over seeds.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { createRng } from "../../core/rng.ts";

/** Mean and sample standard deviation over seeds; the deviation of one value is `undefined`. */
export interface Summary {
  /** Arithmetic mean. */
  readonly mean: number;
  /** √(Σ (x - mean)² / (n - 1)) */
  readonly deviation: number | undefined;
  /** Number of values. */
  readonly n: number;
}

const BOOTSTRAP_DRAWS = 10_000;

/** Summary of some values, or `undefined` of none. */
export function summarise(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  return {
    mean: mean([...values]),
    deviation: values.length > 1 ? sampleStandardDeviation([...values]) : undefined,
    n: values.length,
  };
}

/** 95 % percentile interval of the mean by resampling, seeded; `undefined` below three values. */
export function bootstrapInterval(values: readonly number[]): readonly [number, number] | undefined {
  if (values.length < 3) return undefined;
  const rng = createRng(0, "bootstrap");
  const means = Array.from(
    { length: BOOTSTRAP_DRAWS },
    () => mean(values.map(() => values[rng.integer(values.length)]!)),
  ).sort((a, b) => a - b);
  return [means[Math.floor(0.025 * BOOTSTRAP_DRAWS)]!, means[Math.ceil(0.975 * BOOTSTRAP_DRAWS) - 1]!];
}
