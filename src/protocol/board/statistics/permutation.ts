/**
 * Permutation test of paired differences: if two methods are alike, each difference might as well have the other sign
 * (Fisher, 1935). p is the share of all choices of signs whose mean is at least as far from nothing as the one seen.
 *
 * All choices are gone through where they are few. Of more pairs with differences of both signs they are drawn, seeded,
 * until enough of them were as far out to know p well (Besag and Clifford, 1991), so that a small p costs more draws than a
 * large one.
 *
 * @module
 */
import { createRng } from "../../../core/rng.ts";

/** What the test gives. */
export interface SignTest {
  /** Two-sided. */
  readonly p: number;
  /** The smallest p that so many pairs can give. */
  readonly leastP: number;
}

/** Up to here all choices of signs are gone through. */
const EXACT = 16;
/** Most draws otherwise. */
const DRAWS = 99_999;
/** Draws as far out as the data after which no more are needed. */
const ENOUGH = 200;
/** Pairs whose signs come from one random byte. */
const GROUP = 8;

/** Tests differences, in any order. Draws are shared by all tests of one size. */
export function createSignTest(): (differences: readonly number[]) => SignTest {
  const drawn = new Map<number, Uint8Array>();
  return (differences) => {
    const n = differences.length;
    const leastP = Math.min(1, 2 ** (1 - n));
    // The sign of nothing changes nothing: without the zeros, all shares are the same.
    const values = Float64Array.from(differences.filter((value) => value !== 0));
    if (values.length === 0) return { p: 1, leastP };
    const limit = Math.abs(sum(values)) - 1e-10 * sum(values.map(Math.abs));
    // Of differences of one sign, no choice is further out than the data and their mirror image.
    if (values.every((value) => value > 0 === values[0]! > 0)) return { p: 2 ** (1 - values.length), leastP };
    if (values.length <= EXACT) return { p: exactShare(values, limit), leastP };
    const groups = Math.ceil(values.length / GROUP);
    const bytes = drawn.get(groups) ?? drawBytes(groups);
    drawn.set(groups, bytes);
    return { p: drawnShare(values, limit, bytes), leastP };
  };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Goes through the signs in Gray's order, one change at a time; the first keeps its own, since all come in mirrored pairs. */
function exactShare(values: Float64Array, limit: number): number {
  const signed = values.slice();
  const choices = 2 ** (values.length - 1);
  let total = sum(values);
  let found = 0;
  for (let choice = 1; choice <= choices; choice++) {
    if (Math.abs(total) >= limit) found++;
    const place = 32 - Math.clz32(choice & -choice);
    if (place >= values.length) break;
    signed[place] = -signed[place]!;
    total += 2 * signed[place]!;
  }
  return found / choices;
}

function drawBytes(groups: number): Uint8Array {
  const rng = createRng(0, `signs ${groups}`);
  return Uint8Array.from({ length: DRAWS * groups }, () => rng.integer(256));
}

function drawnShare(values: Float64Array, limit: number, bytes: Uint8Array): number {
  const groups = Math.ceil(values.length / GROUP);
  const sums = groupSums(values, groups);
  let found = 0;
  for (let draw = 0, place = 0; draw < DRAWS; draw++) {
    let total = 0;
    for (let group = 0; group < groups; group++) total += sums[256 * group + bytes[place++]!]!;
    if (Math.abs(total) >= limit && ++found === ENOUGH) return ENOUGH / (draw + 1);
  }
  return (found + 1) / (DRAWS + 1);
}

/** The sum of each group of eight values under each choice of their signs. */
function groupSums(values: Float64Array, groups: number): Float64Array {
  const sums = new Float64Array(256 * groups);
  for (let group = 0; group < groups; group++) {
    const members = values.subarray(GROUP * group, GROUP * (group + 1));
    for (let signs = 0; signs < 256; signs++) {
      let total = 0;
      members.forEach((value, bit) => total += (signs >> bit) & 1 ? value : -value);
      sums[256 * group + signs] = total;
    }
  }
  return sums;
}
