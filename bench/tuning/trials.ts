/**
 * Which choices a search tries: the defaults first, then a seeded sample without repetition, so that equal budgets are
 * equal numbers of runs and a search can be repeated by anybody.
 *
 * @module
 */
import { canonicalJson, createRng } from "../../src/core/mod.ts";
import type { Ranges, RangeValue } from "./ranges.ts";

/** One choice: values by name of option. An empty one leaves all to the defaults. */
export type Choice = Readonly<Record<string, RangeValue>>;

/** Draws that may repeat earlier ones before the rest is enumerated. */
const PATIENCE = 20;

/** Number of different choices, the defaults not counted. */
export function choices(ranges: Ranges): number {
  return Object.values(ranges).reduce((product, values) => product * values.length, 1);
}

/** The n-th choice, counting through the values of the last option first. */
function choiceAt(ranges: Ranges, index: number): Choice {
  const picked: [string, RangeValue][] = [];
  for (const [name, values] of Object.entries(ranges).toReversed()) {
    picked.unshift([name, values[index % values.length]!]);
    index = Math.floor(index / values.length);
  }
  return Object.fromEntries(picked);
}

/**
 * The choices of a search.
 *
 * @param budget Number of choices, the defaults among them
 * @param same Tells choices that come to the same thing, such as one that names the defaults; `undefined` of one that
 * cannot be tried
 * @returns Fewer than the budget where there are no more
 */
export function trialsOf(
  ranges: Ranges,
  budget: number,
  seed: number,
  same: (choice: Choice) => string | undefined = canonicalJson,
): Choice[] {
  const trials: Choice[] = [{}];
  const known = new Set([same({})]);
  const offer = (choice: Choice) => {
    const key = same(choice);
    if (key === undefined || known.has(key)) return false;
    known.add(key);
    trials.push(choice);
    return true;
  };
  if (Object.keys(ranges).length === 0) return trials;
  const count = choices(ranges);
  const rng = createRng(seed, "trials");
  for (let missed = 0; trials.length < budget && missed < PATIENCE * budget;) {
    if (!offer(choiceAt(ranges, rng.integer(count)))) missed++;
  }
  for (let index = 0; trials.length < budget && index < count && count <= 10_000; index++) {
    offer(choiceAt(ranges, index));
  }
  return trials;
}
