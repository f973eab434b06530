/**
 * Which group a task belongs to: a similarity that is fair to groups of any size, and a threshold that follows what was
 * observed. Both need inner products of the task's update and the groups' alone, and three numbers of memory.
 *
 * Fairness. Updates of tasks share a part: the backbone, the start and the loss are the same for all. Take updates of
 * length 1 and cosine ρ with one another. The cosine of a task with the mean of n others is then √n ρ / √(1 + (n - 1) ρ):
 * ρ for n = 1, towards √ρ for many, whoever they are. A large group is nearer to everything, takes everything, and one
 * group with a few single tasks beside it is what remains. So what all tasks have in common is taken off first:
 *
 *     s_j = cos(ΔW_t - m, g_j - m),   g_j the mean of a group's n_j members,   m = Σ n_j g_j / N the mean of all tasks.
 *
 * For a task that has nothing in common with a group beyond the shared part, ⟨ΔW_t, g_j⟩ = ⟨ΔW_t, m⟩ = ρ and
 * ⟨m, g_j⟩ = ⟨m, m⟩ = ρ + (1 - ρ) / N, whatever n_j is: the product is 0 on average, and its cosine varies as that of a
 * random direction, for groups of all sizes. (Exact while a group is the mean of its members; a cap on its rank drops
 * small parts of it.) A single group is its own m, so it is compared as it is.
 *
 * Threshold. Mean plus `margin` standard deviations of all similarities to groups so far. The deviation of cosines is at
 * most 1 and their centred mean is near 0, so with a margin of one half a task that points where a group points joins it
 * in any stream; and where similarities are noise about 0 the nearest of two groups is too far in about four of ten
 * tasks, of four groups in about two of ten, so that groups open one after the other and fill up alongside. Streams made
 * of three or five planted kinds of tasks are told apart best with this margin, among 0, ½ and 1. As long as nothing was
 * observed, a task joins one of two groups if at least half of its squared length around the mean lies along the group's,
 * and a single group, where the shared part is in the cosine still, if at least nine tenths does.
 *
 * @module
 */
import { cosine } from "../../merge/merger.ts";

/** Similarities observed so far: their number, their mean and the sum of squared differences from it (Welford 1962). */
export type Observed = { readonly count: number; readonly mean: number; readonly squares: number };

/** Before the first. */
export const nothingObserved: Observed = { count: 0, mean: 0, squares: 0 };

/** Takes further similarities into account. */
export function observe(observed: Observed, similarities: readonly number[]): Observed {
  return similarities.reduce(({ count, mean, squares }, value) => {
    const next = mean + (value - mean) / (count + 1);
    return { count: count + 1, mean: next, squares: squares + (value - mean) * (value - next) };
  }, observed);
}

/** Similarities from which a task joins as long as nothing was observed, beside a single group and beside two. */
const ALIKE_SINGLE = Math.sqrt(0.9);
const ALIKE = Math.sqrt(0.5);

/** The similarity from which a task joins one of so many groups: the mean so far plus so many standard deviations. */
export function relativeThreshold(
  { count, mean, squares }: Observed,
  margin: number,
  groups: number,
): number {
  if (count === 0) return groups < 2 ? ALIKE_SINGLE : ALIKE;
  return mean + margin * Math.sqrt(squares / count);
}

/** The inner products of one site: row and column 0 are the task's update, the others the groups'. */
export type SiteGram = readonly (readonly number[])[];

/**
 * Similarity of a task to each group, averaged over sites.
 *
 * @param members Numbers of members n_j
 * @param kind `"centred"` as above; `"cosine"` of ΔW_t and g_j as they are, which is also what a single group gets
 */
export function similarities(
  grams: readonly SiteGram[],
  members: readonly number[],
  kind: "centred" | "cosine",
): number[] {
  const total = members.reduce((sum, count) => sum + count, 0);
  // m has no part in plain cosines, nor in the comparison with a single group.
  const shares = members.map((count) => kind === "centred" && members.length > 1 ? count / total : 0);
  const sums = members.map(() => 0);
  for (const gram of grams) siteSimilarities(gram, shares).forEach((value, j) => sums[j]! += value);
  return sums.map((sum) => sum / grams.length);
}

/** cos(x_0 - m, x_j - m) for j from 1, with m = Σ shares_j x_j. */
function siteSimilarities(gram: SiteGram, shares: readonly number[]): number[] {
  /** ⟨x_i, m⟩ */
  const withMean = gram.map((row) => shares.reduce((sum, share, j) => sum + share * row[j + 1]!, 0));
  const meanSquare = shares.reduce((sum, share, j) => sum + share * withMean[j + 1]!, 0);
  const product = (i: number, j: number) => gram[i]![j]! - withMean[i]! - withMean[j]! + meanSquare;
  return shares.map((_, j) => cosine(product(0, j + 1), product(0, 0), product(j + 1, j + 1)));
}

/**
 * The index of the group to join; the number of groups stands for a new one.
 *
 * @param threshold Joins from this similarity on
 */
export function assignGroup(similarity: readonly number[], threshold: number, maxGroups: number): number {
  const nearest = similarity.indexOf(Math.max(...similarity));
  const isFar = similarity.length === 0 || similarity[nearest]! < threshold;
  return isFar && similarity.length < maxGroups ? similarity.length : nearest;
}
