/**
 * From accuracies to what may be said of methods: all pairs of a class, their ranks, and the lead of one over the best
 * of the others.
 *
 * @module
 */
import { mean } from "simple-statistics";
import type { BoardMethod, Comparison, Lead, MethodClass, Ranking } from "./board.ts";
import { differencesOf, type Scope } from "./scope.ts";
import type { Bootstrap } from "./statistics/bootstrap.ts";
import { equivalenceP } from "./statistics/equivalence.ts";
import { estimate, rounded } from "./statistics/estimate.ts";
import { friedman } from "./statistics/friedman.ts";
import { holm } from "./statistics/holm.ts";
import type { SignTest } from "./statistics/permutation.ts";

/** Significance. */
const LEVEL = 0.05;

/** Resampling, with what its uses share. */
export interface Resampling {
  /** Intervals of means. */
  readonly bootstrap: Bootstrap;
  /** Tests of paired differences. */
  readonly signTest: (differences: readonly number[]) => SignTest;
}

/** Methods that are rivals of one another, by class; bounds are nobody's. */
export function rivalsByClass(methods: readonly BoardMethod[]): Map<MethodClass, string[]> {
  const rivals = methods.filter((method) => method.class !== "bound");
  return new Map(
    [...Map.groupBy(rivals, (method) => method.class)]
      .map(([kind, members]) => [kind, members.map(({ label }) => label)]),
  );
}

/** All pairs of some methods that share a block. */
export function comparePairs(
  labels: readonly string[],
  { tasks, accuracy }: Scope,
  margin: number,
  { bootstrap, signTest }: Resampling,
): Comparison[] {
  const pairs = labels.flatMap((a, i) => labels.slice(i + 1).map((b) => [a, b] as const));
  const found = pairs.flatMap(([a, b]) => {
    const differences = differencesOf(accuracy.get(a)!, accuracy.get(b)!);
    const difference = estimate(differences, bootstrap);
    if (!difference) return [];
    const wins = differences.reduce((sum, value) => sum + (value > 0 ? 1 : value === 0 ? 0.5 : 0), 0);
    return [{
      a,
      b,
      difference,
      ...signTest(differences),
      superiority: rounded(wins / differences.length),
      apart: equivalenceP(differences, margin),
    }];
  });
  const corrected = holm(found.map(({ p }) => p));
  const correctedApart = holm(found.map(({ apart }) => apart));
  return found.map(({ apart, p, ...pair }, i) => ({
    ...pair,
    tasks,
    p: rounded(p),
    pHolm: rounded(corrected[i]!),
    equivalence: { margin, p: rounded(apart), pHolm: rounded(correctedApart[i]!) },
    verdict: corrected[i]! <= LEVEL
      ? pair.difference.mean > 0 ? "a" : "b"
      : correctedApart[i]! <= LEVEL
      ? "equivalent"
      : "undecided",
  }));
}

/** Ranks of as many methods on as many blocks as are complete; `undefined` below two of either. */
export function rank(
  kind: MethodClass,
  labels: readonly string[],
  { tasks, accuracy }: Scope,
): Ranking | undefined {
  const owned = labels.map((label) => {
    const blocks = [...accuracy.get(label)!].flatMap((value, block) => Number.isNaN(value) ? [] : [block]);
    return { label, blocks: new Set(blocks) };
  });
  const [common, ...sets] = owned.map(({ blocks }) => blocks).filter(({ size }) => size > 0);
  if (!common) return undefined;
  const shared = sets.reduce((all, own) => all.intersection(own), common);
  const choices = [common, ...sets, shared].map((blocks) => ({
    blocks: [...blocks],
    members: owned.filter((other) => blocks.isSubsetOf(other.blocks)).map(({ label }) => label),
  }));
  const complete = choices.filter(({ blocks, members }) => blocks.length > 1 && members.length > 1);
  const size = ({ blocks, members }: typeof choices[number]) => blocks.length * members.length;
  const [best] = complete.sort((a, b) => size(b) - size(a) || b.members.length - a.members.length);
  if (!best) return undefined;
  const { blocks, members } = best;
  const { ranks, p, criticalDifference } = friedman(
    blocks.map((block) => members.map((label) => accuracy.get(label)![block]!)),
  );
  return {
    tasks,
    class: kind,
    blocks: blocks.length,
    ranks: members.map((method, i) => ({ method, rank: rounded(ranks[i]!) }))
      .sort((a, b) => a.rank - b.rank),
    criticalDifference: rounded(criticalDifference),
    p: rounded(p),
    incomplete: labels.filter((label) => !members.includes(label)),
  };
}

/**
 * The lead of a method over the best of some rivals, each seed's chosen on the others: the one that is furthest ahead
 * of the method on the blocks that both have there.
 */
export function leadOf(
  method: string,
  rivals: readonly string[],
  { tasks, blocks, accuracy }: Scope,
  { bootstrap, signTest }: Resampling,
): Lead | undefined {
  const own = accuracy.get(method)!;
  const seeds = [...new Set(blocks.flatMap(({ seed }, block) => Number.isNaN(own[block]!) ? [] : [seed]))];
  if (seeds.length === 0 || rivals.length === 0) return undefined;
  const chosen = new Map<string, number>();
  const differences: number[] = [];
  for (const seed of seeds) {
    const isTested = blocks.map((block) => block.seed === seed);
    const split = rivals.map((rival) => {
      const gaps = own.map((value, block) => value - accuracy.get(rival)![block]!);
      const on = (part: boolean) => [...gaps].filter((_, block) => isTested[block] === part);
      return { rival, tested: on(true), others: on(false).filter((gap) => !Number.isNaN(gap)) };
    });
    const wanted = [...own].filter((value, block) => isTested[block] && !Number.isNaN(value)).length;
    const candidates = split.flatMap(({ rival, tested, others }) => {
      const gaps = tested.filter((gap) => !Number.isNaN(gap));
      return gaps.length === wanted && others.length > 0 ? [{ rival, gaps, lead: mean(others) }] : [];
    });
    const [best] = candidates.sort((a, b) => a.lead - b.lead);
    if (!best) continue;
    differences.push(...best.gaps);
    chosen.set(best.rival, (chosen.get(best.rival) ?? 0) + 1);
  }
  const difference = estimate(differences, bootstrap);
  return {
    tasks,
    method,
    rivals: [...chosen].map(([method, seeds]) => ({ method, seeds })),
    ...(difference && { difference, p: rounded(signTest(differences).p) }),
  };
}
