/**
 * What a stream with families tells of a run, counted again from the lines of its record by other formulas than the
 * leaderboard's.
 *
 * @module
 */
import type { FigureName } from "../board/figures.ts";
import { MAX_FAMILIES } from "../records/limits.ts";
import { type AnyRecord, isEdition1 } from "../records/parse.ts";
import type { RunRecord } from "../records/record.ts";

type FamilyFigure = Extract<
  FigureName,
  "groups" | "familyAgreement" | "familyTransfer" | "relatedChange" | "interference"
>;

/** Those of a finished record; `undefined` where it does not give them. */
export function countFamilyFigures(record: AnyRecord): Readonly<Record<FamilyFigure, number | undefined>> {
  const groups = partitionOf(record.tasks.at(-1)?.facts["members"], record.tasks.length);
  const families = isEdition1(record) ? undefined : familiesOf(record);
  return {
    groups: groups && sizesOf(groups).length,
    familyAgreement: groups && families && agreement(groups, families),
    ...(isEdition1(record) || !families ? NOTHING : effects(record, families)),
  };
}

const NOTHING = { familyTransfer: undefined, relatedChange: undefined, interference: undefined };

/** Names of the groups of tasks 0, 1, …, if every task is in exactly one. */
function partitionOf(members: unknown, tasks: number): string[] | undefined {
  if (!Array.isArray(members) || !members.every((group) => Array.isArray(group))) return undefined;
  const pairs = members.flatMap((group: unknown[], i) => group.map((task) => [task, `${i}`] as const));
  const names = new Map<unknown, string>(pairs);
  const inOrder = Array.from({ length: tasks }, (_, task) => names.get(task));
  return pairs.length === tasks && inOrder.every((name) => name !== undefined) ? inOrder : undefined;
}

/** The families of every task, if all tasks name some and they are not too many. */
function familiesOf({ tasks }: RunRecord): ReadonlySet<string>[] | undefined {
  let count = 0;
  for (const { families } of tasks) count += families?.length ?? Infinity;
  return tasks.length > 0 && count <= MAX_FAMILIES
    ? tasks.map(({ families }) => new Set(families))
    : undefined;
}

/** How many items have each name. */
function sizesOf(names: readonly string[]): number[] {
  const sizes = new Map<string, number>();
  for (const name of names) sizes.set(name, (sizes.get(name) ?? 0) + 1);
  return [...sizes.values()];
}

/**
 * Adjusted Rand index by the numbers of ordered pairs of tasks that are together in both partitions (a), in the groups
 * alone (b), by family alone (c) and in neither (d): 2 (a d − b c) / ((a + b) (b + d) + (a + c) (c + d)). Nothing where
 * all tasks are of one kind or each of its own.
 */
function agreement(groups: readonly string[], families: readonly ReadonlySet<string>[]): number | undefined {
  const kinds = families.map((own) => JSON.stringify([...own].sort()));
  const kindSizes = sizesOf(kinds);
  const tasks = groups.length;
  if (kindSizes.length === 1 || kindSizes.length === tasks) return undefined;
  const squares = (names: readonly string[]) => sizesOf(names).reduce((sum, size) => sum + size ** 2, 0);
  const both = squares(groups.map((group, task) => `${group} ${kinds[task]}`));
  const [inGroups, inKinds] = [squares(groups), squares(kinds)];
  const [a, b, c] = [both - tasks, inGroups - both, inKinds - both];
  const d = tasks * (tasks - 1) - a - b - c;
  return 2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d));
}

/** Sums of what is averaged, and how many. */
class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  /** Nothing of nothing. */
  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}

/** From right answers among each task's own classes, after every task. */
function effects({ tasks }: RunRecord, families: readonly ReadonlySet<string>[]) {
  if (tasks.some(({ evaluation }) => evaluation === undefined)) return NOTHING;
  const right = (after: number, task: number) => tasks[after]!.evaluation!.taskIncremental[task]!;
  const images = tasks.map(({ images }) => images.test);
  const related = new Mean(), lost = new Mean(), transfer = new Mean();
  for (let task = 0; task < tasks.length; task++) {
    const ofFamily = families.map((own) => !own.isDisjointFrom(families[task]!));
    const first = ofFamily.indexOf(true);
    if (first < task) {
      transfer.add(
        (right(task, task) * images[first]! - right(first, first) * images[task]!) /
          (images[task]! * images[first]!),
      );
    }
    for (let later = task + 1; later < tasks.length; later++) {
      const gained = right(later, task) - right(later - 1, task);
      if (ofFamily[later]) related.add(gained / images[task]!);
      else lost.add(-gained / images[task]!);
    }
  }
  return { familyTransfer: transfer.value, relatedChange: related.value, interference: lost.value };
}
