/**
 * What methods are compared on: accuracy in the end, of every method on every block. A block is a stream with a training
 * seed; at one number of tasks, blocks are its seeds, and over all of them, each seed at each.
 *
 * @module
 */
import type { SectionRun } from "./runs.ts";

/** A block. */
export interface Block {
  /** Number of tasks. */
  readonly tasks: number;
  /** As people name it. */
  readonly seed: string;
}

/** Accuracy by method and block. */
export interface Scope {
  /** Number of tasks, or all of them. */
  readonly tasks: number | "all";
  /** Ascending. */
  readonly blocks: readonly Block[];
  /** By label of the method: a value for each block, NaN where it has no finished run. */
  readonly accuracy: ReadonlyMap<string, Float64Array>;
}

/**
 * The numbers of tasks of a section, and all together if there are several.
 *
 * @param runs Finished ones, by number of tasks and seed
 * @param labels Of all methods
 */
export function scopesOf(
  runs: readonly SectionRun[],
  labels: readonly string[],
  figure: "pooled" | "taskMean",
): Scope[] {
  const counts = [...new Set(runs.map(({ tasks }) => tasks))];
  const scopes = counts.map((tasks) =>
    scopeOf(tasks, runs.filter((run) => run.tasks === tasks), labels, figure)
  );
  return counts.length > 1 ? [...scopes, scopeOf("all", runs, labels, figure)] : scopes;
}

function scopeOf(
  tasks: Scope["tasks"],
  runs: readonly SectionRun[],
  labels: readonly string[],
  figure: "pooled" | "taskMean",
): Scope {
  const places = new Map<string, number>();
  const blocks: Block[] = [];
  const placeOf = ({ tasks, seed }: SectionRun) => {
    const key = `${tasks} ${seed}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, blocks.length);
    return blocks.push({ tasks, seed }) - 1;
  };
  const found = runs.map((run) => [run.method, placeOf(run), run.figures[figure] ?? NaN] as const);
  const accuracy = new Map(labels.map((label) => [label, new Float64Array(blocks.length).fill(NaN)]));
  for (const [label, place, value] of found) accuracy.get(label)![place] = value;
  return { tasks, blocks, accuracy };
}

/** a − b on each block that both have. */
export function differencesOf(a: Float64Array, b: Float64Array): number[] {
  const differences: number[] = [];
  a.forEach((value, block) => {
    const difference = value - b[block]!;
    if (!Number.isNaN(difference)) differences.push(difference);
  });
  return differences;
}
