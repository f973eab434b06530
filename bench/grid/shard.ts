/**
 * Which cells of a grid this process runs: the grid is a list of independent cells, and an engine that starts many
 * processes has each take a part. The parts follow from the suite alone, never from what is finished, so that a
 * process started again has the part it had before.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";
import { InputError, type JsonObject } from "../../src/core/mod.ts";
import type { Output } from "../cli.ts";
import { type LoadedSuite, type PlannedCell, plannedWork, readFinished } from "./plan.ts";

/** Part `index` of `count`, counted from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The flags that choose among the cells of a grid. */
export interface CellFlags {
  readonly shard?: Shard;
  /** Names of cells, with commas between. */
  readonly cells?: string;
}

/** A cell as `--list-cells` prints it. */
export interface ListedCell {
  /** Base name of its record. */
  readonly name: string;
  readonly method: string;
  /** Resolved. */
  readonly options: JsonObject;
  readonly tasks: number;
  readonly orderSeed: number;
  readonly trainSeed: number;
  /** Seconds on an ordinary machine, roughly: the same on every machine, for comparisons. */
  readonly work: number;
  /** Whether its record has its last line. */
  readonly finished: boolean;
}

/**
 * Parser of an option: `2/8`.
 *
 * @throws {InvalidArgumentError} If the text is not that
 */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? []).map(Number);
  if (index === undefined || count === undefined || index < 1 || index > count) {
    throw new InvalidArgumentError("Wanted I/N with I from 1 to N, such as 2/8.");
  }
  return { index, count };
}

/**
 * The items of one part. Every item is in one part: the heaviest first, each goes where least weight is so far, and
 * among those where fewest items are. No part is then heavier than 4/3 of the best division's heaviest.
 *
 * @param weightOf Not negative
 * @returns In the order of `items`
 */
export function shardOf<Item>(
  items: readonly Item[],
  weightOf: (item: Item) => number,
  { index, count }: Shard,
): Item[] {
  const weights = items.map(weightOf);
  const heaviestFirst = items.map((_, i) => i).sort((a, b) => weights[b]! - weights[a]! || a - b);
  const parts = Array.from(
    { length: Math.min(count, items.length) },
    () => ({ weight: 0, members: [] as number[] }),
  );
  for (const i of heaviestFirst) {
    const part = parts.reduce((least, other) =>
      (other.weight - least.weight || other.members.length - least.members.length) < 0 ? other : least
    );
    part.weight += weights[i]!;
    part.members.push(i);
  }
  return (parts[index - 1]?.members ?? []).sort((a, b) => a - b).map((i) => items[i]!);
}

/**
 * A suite with those of its cells that the flags choose.
 *
 * @throws {InputError} If a name is no cell's, or both flags are given
 */
export function chooseCells(
  suite: LoadedSuite,
  { shard, cells: names }: CellFlags,
  output: Output,
): LoadedSuite {
  if (shard && names !== undefined) {
    throw new InputError("Cannot use --shard with --cells: found both, wanted one way to choose cells");
  }
  const chosen = shard ? shardOf(suite.cells, workIn(suite), shard) : named(suite, names);
  if (shard) {
    const workOf = (some: readonly PlannedCell[]) => total(some.map(workIn(suite)));
    const share = Math.round(100 * workOf(chosen) / workOf(suite.cells));
    output.err(
      `Shard ${shard.index}/${shard.count}: ${chosen.length} of ${suite.cells.length} cells, ${share} % of the work\n`,
    );
  }
  return { ...suite, cells: chosen };
}

function workIn(suite: LoadedSuite): (planned: PlannedCell) => number {
  return (planned) => plannedWork(planned, suite).work;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function named({ cells }: LoadedSuite, names: string | undefined): readonly PlannedCell[] {
  if (names === undefined) return cells;
  const wanted = new Set(names.split(",").map((name) => name.trim()));
  const chosen = cells.filter(({ job }) => wanted.delete(job.name));
  for (const name of wanted) {
    throw new InputError(
      `Cannot run cell "${name}": found no such cell among the ${cells.length} of this suite and its flags, ` +
        "wanted a name that --list-cells prints with the same flags",
    );
  }
  return chosen;
}

/** The cells of a suite, and which of them are finished in a folder; writes nothing. */
export async function listCells(suite: LoadedSuite, out: string): Promise<ListedCell[]> {
  const workOf = workIn(suite);
  return await Promise.all(suite.cells.map(async (planned) => {
    const { method, options, tasks, orderSeed, trainSeed } = planned.cell;
    const finished = await readFinished(out, planned.job) !== undefined;
    return {
      name: planned.job.name,
      method,
      options,
      tasks,
      orderSeed,
      trainSeed,
      work: workOf(planned),
      finished,
    };
  }));
}
