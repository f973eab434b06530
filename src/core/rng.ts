/**
 * Named random streams. Every use of randomness has its own stream, derived from a seed and a label, so adding
 * a draw in one place never shifts the numbers of another. Values are pinned by test: they are part of what
 * "same seed, same numbers" means.
 *
 * @module
 */
import seedrandom from "seedrandom";

/** A stream of pseudo-random numbers. */
export interface Rng {
  /** A number in [0, 1) with 53 random bits. */
  uniform(): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** A standard normal number (Box-Muller). */
  normal(): number;
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** An independent stream for a sub-purpose. */
  stream(label: string): Rng;
}

/** Creates the stream that belongs to a seed and a label such as `"order"` or `"task 3/batches"`. */
export function createRng(seed: number | string, label: string): Rng {
  const key = `${seed}/${label}`;
  const generator = seedrandom(key);
  let spare: number | undefined;
  const uniform = () => generator.double();
  const integer = (bound: number) => {
    if (!Number.isInteger(bound) || bound < 1) {
      throw new RangeError(`Cannot draw an integer below ${bound}: the bound must be a positive integer`);
    }
    return Math.floor(uniform() * bound);
  };
  return {
    uniform,
    integer,
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    shuffle(items) {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
    stream: (sub) => createRng(key, sub),
  };
}

/**
 * The 32-bit counter-based hash behind on-device randomness (`uniform` in the graph): PCG's output permutation
 * applied twice (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020). Integer arithmetic only,
 * so every executor produces the same bits.
 */
export function hash32(seed: number, counter: number): number {
  return pcg((pcg(counter >>> 0) + (seed >>> 0)) >>> 0);
}

function pcg(input: number): number {
  const state = (Math.imul(input, 747796405) + 2891336453) >>> 0;
  const word = Math.imul(((state >>> ((state >>> 28) + 4)) ^ state) >>> 0, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** Maps a 32-bit hash to [0, 1) using its top 24 bits, which a float32 holds exactly. */
export function hashToUnit(hash: number): number {
  return (hash >>> 8) / 0x1000000;
}
