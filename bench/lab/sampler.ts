/**
 * How benchmarks measure: warm up, sample until enough time has passed, keep minimum and median. The minimum is what
 * the code can do; the median is what it did beside whatever else the machine was doing.
 *
 * @module
 */

/** Times of one thing, in milliseconds. */
export interface Sample {
  readonly min: number;
  readonly median: number;
  /** Measurements. */
  readonly count: number;
}

/** How long to sample. */
export interface SamplerOptions {
  /** Milliseconds in all, warm-up aside. Three measurements are made even if they take longer. */
  readonly budget: number;
  readonly warmUp?: number;
}

/** Clocks are read this many milliseconds apart at least, so that their own cost does not count. */
const SHORTEST = 1;
const FEWEST = 3;

/** Minimum and median. */
export function summarise(milliseconds: readonly number[]): Sample {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, count: sorted.length };
}

/** Times one call of an asynchronous function. */
export async function sample(
  work: () => Promise<unknown>,
  { budget, warmUp = 2 }: SamplerOptions,
): Promise<Sample> {
  const timed = async (calls: number) => {
    const began = performance.now();
    for (let i = 0; i < calls; i++) await work();
    return performance.now() - began;
  };
  let last = 0;
  for (let i = 0; i < warmUp; i++) last = await timed(1);
  const calls = Math.max(1, Math.ceil(SHORTEST / Math.max(last, 1e-3)));
  const times: number[] = [];
  for (let spent = 0; times.length < FEWEST || spent < budget;) {
    const took = await timed(calls);
    spent += took;
    times.push(took / calls);
  }
  return summarise(times);
}
