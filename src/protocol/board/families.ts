/**
 * What a stream with structure tells about a method: whether its groups of tasks are the families, what related tasks
 * give to one another, and what unrelated ones take. Pure functions of the truth in a record (the families of each
 * task), the groups that a method says it made, and the accuracy matrix R of `metrics.ts`.
 *
 * @module
 */
import { MAX_FAMILIES } from "../records/limits.ts";
import type { AccuracyMatrix } from "./metrics.ts";

/** What tasks were drawn from, task by task; `undefined` where the record does not say. */
export type TaskFamilies = readonly (readonly string[] | undefined)[];

/** For each task i, a row with 1 at each task j that has a family in common with it, i itself included. */
function relationsOf(families: readonly (readonly string[])[]): Uint8Array[] {
  const tasksOf = new Map<string, number[]>();
  families.forEach((own, task) => {
    for (const family of new Set(own)) {
      const tasks = tasksOf.get(family);
      if (tasks) tasks.push(task);
      else tasksOf.set(family, [task]);
    }
  });
  return families.map((own) => {
    const row = new Uint8Array(families.length);
    for (const family of new Set(own)) for (const task of tasksOf.get(family)!) row[task] = 1;
    return row;
  });
}

/** Whether the record says it of every task. A record may say anything: so many families are none. */
function isKnown(families: TaskFamilies): families is readonly (readonly string[])[] {
  return families.length > 0 && families.every((own) => own !== undefined) &&
    families.reduce((sum, own) => sum + own!.length, 0) <= MAX_FAMILIES;
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Adjusted Rand index of two partitions (Hubert and Arabie, "Comparing partitions", 1985): of all pairs of items, how
 * far the two agree on which are together, 1 for equal partitions and 0 on average for random ones with groups of the
 * same sizes. With n_ij items in group i of one and j of the other, a_i and b_j the sums, and C(n) = n (n - 1) / 2:
 *
 *     (Σ C(n_ij) - E) / ((Σ C(a_i) + Σ C(b_j)) / 2 - E),   E = Σ C(a_i) Σ C(b_j) / C(n)
 *
 * As scikit-learn has it, 1 where both have all items together or all apart.
 *
 * @param a The group of each item
 * @param b The group of each item in the other partition
 * @throws {RangeError} If they are of different lengths
 */
export function adjustedRandIndex(a: readonly unknown[], b: readonly unknown[]): number {
  if (a.length !== b.length) {
    throw new RangeError(
      `Cannot compare partitions: found ${a.length} and ${b.length} items, wanted as many`,
    );
  }
  const numbers = (groups: readonly unknown[]) => {
    const known = new Map([...new Set(groups)].map((group, number) => [group, number]));
    return groups.map((group) => known.get(group)!);
  };
  const [left, right] = [numbers(a), numbers(b)];
  const pairs = (groups: readonly unknown[]) =>
    [...Map.groupBy(groups, (group) => group).values()].reduce(
      (sum, { length }) => sum + length * (length - 1) / 2,
      0,
    );
  const both = pairs(left.map((group, i) => group * a.length + right[i]!));
  const [ofA, ofB, all] = [pairs(left), pairs(right), a.length * (a.length - 1) / 2];
  const expected = all === 0 ? 0 : ofA * ofB / all;
  const most = (ofA + ofB) / 2;
  return most === expected ? 1 : (both - expected) / (most - expected);
}

/**
 * The group of each task, from lists of the tasks in each group as methods give them in their facts (`members`).
 * `undefined` if it is none: a task that is in no group or in two, or not a task.
 *
 * @param tasks Number of tasks
 */
export function groupOfTasks(members: unknown, tasks: number): number[] | undefined {
  if (!Array.isArray(members)) return undefined;
  const groups = new Array<number>(tasks).fill(-1);
  for (const [group, own] of members.entries()) {
    if (!Array.isArray(own)) return undefined;
    for (const task of own) {
      if (!Number.isInteger(task) || groups[task] !== -1) return undefined;
      groups[task] = group;
    }
  }
  return groups.includes(-1) ? undefined : groups;
}

/**
 * How well a method's groups are the families: their adjusted Rand index. `undefined` where there is nothing to find,
 * since all tasks are of one family or each of another, or where the method made no groups.
 *
 * @param members Tasks of each group
 */
export function familyAgreement(members: unknown, families: TaskFamilies): number | undefined {
  if (!isKnown(families)) return undefined;
  const truth = families.map((own) => [...new Set(own)].sort().join("\n"));
  const kinds = new Set(truth).size;
  const groups = groupOfTasks(members, families.length);
  if (!groups || kinds === 1 || kinds === truth.length) return undefined;
  return adjustedRandIndex(groups, truth);
}

/** Mean change of accuracy on an earlier task while another is learned; `undefined` where there is no such pair. */
export interface PairEffects {
  /** While a task of a family in common is learned: above 0, it helped what was known. */
  readonly related: number | undefined;
  /** While a task without one is learned; its negative is interference. */
  readonly unrelated: number | undefined;
}

/**
 * What learning task i did to each earlier task j, R[i][j] - R[i-1][j], averaged over the pairs j < i that have a
 * family in common, and over those that have none. Summed over i it is what a task lost from its training to the end,
 * so the two are parts of forgetting. Of the task-incremental matrix they speak of the model; of the class-incremental
 * one also of more classes to choose among, of which those of the same family are the most alike.
 *
 * `undefined` as a whole if the method was not scored after every task, or the families are not known.
 */
export function pairEffects(matrix: AccuracyMatrix, families: TaskFamilies): PairEffects | undefined {
  if (!isKnown(families) || !isComplete(matrix) || matrix.length !== families.length) return undefined;
  const relations = relationsOf(families);
  const related: number[] = [], unrelated: number[] = [];
  for (let i = 1; i < matrix.length; i++) {
    for (let j = 0; j < i; j++) {
      const change = matrix[i]![j]! - matrix[i - 1]![j]!;
      (relations[i]![j] === 1 ? related : unrelated).push(change);
    }
  }
  return { related: mean(related), unrelated: mean(unrelated) };
}

/**
 * What it is worth to have seen a family: R[j][j] - R[f][f], how well a task is known right after its training less how
 * well the first task of its family was, averaged over all tasks j whose family came before in f. The families' own
 * difficulty cancels in it, the difficulty of single tasks does not: it is for comparing methods on equal streams, by
 * the task-incremental matrix where tasks have equal numbers of classes.
 *
 * `undefined` if no family comes back, the method was not scored after every task, or the families are not known.
 */
export function familyTransfer(matrix: AccuracyMatrix, families: TaskFamilies): number | undefined {
  if (!isKnown(families) || !isComplete(matrix) || matrix.length !== families.length) return undefined;
  return mean(
    relationsOf(families).flatMap((row, j) => {
      const first = row.indexOf(1);
      return first === j ? [] : [matrix[j]![j]! - matrix[first]![first]!];
    }),
  );
}

function isComplete(matrix: AccuracyMatrix): matrix is readonly (readonly number[])[] {
  return matrix.every((row) => row !== undefined);
}
