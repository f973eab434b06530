/**
 * What paired values say of a difference when seeds are few: Student's interval and test of its mean beside the
 * permutation of signs, and rivals that are chosen on other seeds than they are compared on.
 *
 * Three pairs can give no permutation p below 0.25, and a bootstrap interval of three values is their range. Student's
 * interval believes that differences vary normally between seeds; with that belief, three seeds can decide.
 *
 * @module
 */
import { mean, sampleStandardDeviation } from "simple-statistics";
import { studentBelow, studentQuantile } from "./statistics/distributions.ts";
import { rounded } from "./statistics/estimate.ts";
import { createSignTest } from "./statistics/permutation.ts";

/** A mean of paired differences, with what so many pairs leave open. */
export interface PairedDifference {
  /** Pairs. */
  readonly n: number;
  /** Of the differences. */
  readonly mean: number;
  /** Sample standard deviation of the differences; absent for one pair. */
  readonly deviation?: number;
  /** Student's 95 % interval of the mean, mean ± t(0.975, n − 1) · deviation / √n; absent for one pair. */
  readonly interval?: readonly [low: number, high: number];
  /** Two-sided p of Student's test that the mean is 0; absent for one pair. */
  readonly p?: number;
  /** Two-sided p of the permutation of signs. */
  readonly signP: number;
  /** The smallest `signP` that so many pairs can give. */
  readonly leastP: number;
}

/** What differences say, in any order; `undefined` of none. */
export function pairedDifference(differences: readonly number[]): PairedDifference | undefined {
  const n = differences.length;
  if (n === 0) return undefined;
  const values = [...differences];
  const centre = mean(values);
  const { p: signP, leastP } = createSignTest()(values);
  const common = { n, mean: rounded(centre), signP: rounded(signP), leastP: rounded(leastP) };
  if (n === 1) return common;
  const deviation = sampleStandardDeviation(values);
  const error = deviation / Math.sqrt(n);
  const reach = studentQuantile(0.975, n - 1) * error;
  return {
    ...common,
    deviation: rounded(deviation),
    interval: [rounded(centre - reach), rounded(centre + reach)],
    p: centre === 0 ? 1 : rounded(Math.min(1, 2 * studentBelow(-Math.abs(centre) / error, n - 1))),
  };
}

/** Values of one method by block; see `chooseRivals`. */
export type BlockValues = ReadonlyMap<string, number>;

/** A seed with the rival that was chosen for it. */
export interface ChosenRival {
  /** The seed. */
  readonly seed: string;
  /** Chosen on the other seeds. */
  readonly rival: string;
  /** Own value − the rival's on the blocks of the seed, in the order of the own blocks. */
  readonly differences: readonly number[];
}

/**
 * For each seed, the rival that is best against a method on the other seeds, as the board's leads have it: furthest
 * ahead on the blocks that both have there. A rival must have all blocks of the seed, and one of another.
 *
 * @param own Of the method
 * @param rivals By label
 * @param seedOf The seed of a block
 * @param better Whether the best rival has the highest values or the lowest
 */
export function chooseRivals(
  own: BlockValues,
  rivals: ReadonlyMap<string, BlockValues>,
  seedOf: (block: string) => string,
  better: "more" | "less" = "more",
): ChosenRival[] {
  const seeds = [...new Set([...own.keys()].map(seedOf))];
  const sign = better === "more" ? 1 : -1;
  return seeds.flatMap((seed) => {
    const candidates = [...rivals].flatMap(([rival, values]) => {
      const gaps = [...own].map(([block, value]) => ({
        isTested: seedOf(block) === seed,
        gap: value - (values.get(block) ?? NaN),
      }));
      const tested = gaps.filter(({ isTested }) => isTested).map(({ gap }) => gap);
      const others = gaps.filter(({ isTested, gap }) => !isTested && !Number.isNaN(gap))
        .map(({ gap }) => sign * gap);
      if (tested.some(Number.isNaN) || others.length === 0) return [];
      return [{ seed, rival, differences: tested, lead: mean(others) }];
    });
    const [best] = candidates.sort((a, b) => a.lead - b.lead);
    return best ? [{ seed, rival: best.rival, differences: best.differences }] : [];
  });
}
