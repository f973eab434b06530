/**
 * The random numbers behind one image: a counter-based integer hash, so that an image depends on its own seed alone
 * and costs no generator set-up.
 *
 * @module
 */
import { hash32, hashToUnit } from "../../core/rng.ts";

/** Random numbers of one image. */
export interface Draw {
  /** A number in [0, 1). */
  unit(): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** A bell-shaped number of mean 0 and deviation 1, within ±3 (the scaled sum of three 10-bit parts of one hash). */
  bell(): number;
}

/** Creates the random numbers that belong to a 32-bit seed. */
export function createDraw(seed: number): Draw {
  let counter = 0;
  const unit = () => hashToUnit(hash32(seed, counter++));
  return {
    unit,
    between: (low, high) => low + (high - low) * unit(),
    integer: (bound) => Math.floor(unit() * bound),
    chance: (probability) => unit() < probability,
    bell: () => {
      const hash = hash32(seed, counter++);
      return ((hash & 1023) + (hash >>> 10 & 1023) + (hash >>> 20 & 1023)) * (2 / 1023) - 3;
    },
  };
}
