/**
 * Streams whose tasks have something in common: which classes of a data set make up each task when families stay
 * together, when they come back, or when several data sets follow one another. Pure counting; `stream.ts` turns the
 * result into images.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";

/** Classes that belong together. */
export interface Block {
  /** Names of their families: one, or several that were joined. */
  readonly families: readonly string[];
  /** Class numbers in the order they arrive. */
  readonly classes: readonly number[];
}

/** What a stream is asked to be. */
export interface StructureOptions {
  /** For messages. */
  readonly name: string;
  /** Number of tasks. */
  readonly tasks: number;
  /** Classes of each task; otherwise all classes are dealt out. */
  readonly classesPerTask?: number;
}

/** How the classes of blocks come. */
export type Arrangement = "families" | "recurring" | "mixed";

/**
 * The tasks of a stream, each a run of one block's classes under the block's families.
 *
 * - `families`: block after block. More tasks than blocks split the largest blocks first, such that the largest task
 *   is as small as can be; a block's tasks follow one another. Fewer tasks than blocks join whole blocks, the largest
 *   first, each to the task that has the fewest classes.
 * - `recurring`: round after round, one task of each block, until a block has no classes left. Where there are too few
 *   tasks for each block to come twice, whole blocks are joined as above.
 * - `mixed`: block after block, with numbers of tasks that differ by at most one.
 *
 * The classes of a block that is split are dealt out evenly. With a number of classes per task each task takes so many
 * of its block, blocks are never joined, those with too few classes take no part, and what is left over is not used.
 *
 * @throws {InputError} If the blocks do not suffice
 */
export function arrange(kind: Arrangement, blocks: readonly Block[], options: StructureOptions): Block[] {
  const { name, tasks, classesPerTask } = options;
  const fail = (found: string, wanted: string): never => {
    throw new InputError(
      `Cannot cut ${name} into tasks of a stream "${kind}": found ${found}, wanted ${wanted}`,
    );
  };
  const roomOf = ({ classes }: Block) => Math.floor(classes.length / (classesPerTask ?? 1));
  const what = kind === "mixed" ? "data sets" : "families";
  const usable = blocks.filter((block) => roomOf(block) > 0);
  if (usable.length < 2) {
    fail(
      `${usable.length === 1 ? `one of the ${what}` : `no ${what}`}` +
        (classesPerTask === undefined ? "" : ` with ${classesPerTask} classes`),
      `at least two ${what}`,
    );
  }
  let chosen = usable;
  if (kind === "recurring") {
    const most = Math.floor(tasks / 2);
    if (most < 2) fail(`${tasks} tasks`, "at least 4, so that two families can come back");
    const returning = usable.filter((block) => roomOf(block) > 1);
    if (returning.length < 2) fail("fewer than two families with classes for two tasks", "at least two");
    chosen = classesPerTask === undefined ? joined(usable, most) : returning.slice(0, most);
  } else if (kind === "families" && classesPerTask === undefined) {
    chosen = joined(usable, tasks);
  } else if (kind === "mixed" && tasks < usable.length) {
    fail(`${tasks} tasks`, `at least one for each of ${usable.length} data sets`);
  }
  const rooms = chosen.map(roomOf);
  const room = rooms.reduce((sum, own) => sum + own, 0);
  if (tasks > room) fail(`classes for ${room} tasks`, `${tasks} tasks`);
  const counts = kind === "families"
    ? apportion(chosen.map(({ classes }) => classes.length), rooms, tasks)
    : rounds(rooms, tasks);
  const parts = chosen.map((block, i) => partsOf(block, counts[i]!, classesPerTask));
  if (kind !== "recurring") return parts.flat();
  return Array.from({ length: Math.max(...counts) }, (_, round) => parts.flatMap((own) => own[round] ?? []))
    .flat();
}

/** Deals the classes of a block out to so many tasks. */
function partsOf({ families, classes }: Block, count: number, size: number | undefined): Block[] {
  let start = 0;
  return Array.from({ length: count }, (_, i) => {
    const own = size ?? Math.floor(classes.length / count) + (i < classes.length % count ? 1 : 0);
    return { families, classes: classes.slice(start, start += own) };
  });
}

/**
 * Joins whole blocks to so many, the largest first, each to the one with the fewest classes so far. Classes of joined
 * blocks take turns, so that each part of them has of all.
 */
function joined(blocks: readonly Block[], count: number): Block[] {
  if (blocks.length <= count) return [...blocks];
  const groups = Array.from({ length: count }, () => ({ size: 0, members: [] as number[] }));
  const bySize = [...blocks.keys()].sort((a, b) =>
    blocks[b]!.classes.length - blocks[a]!.classes.length || a - b
  );
  for (const place of bySize) {
    const smallest = groups.reduce((least, group) => group.size < least.size ? group : least);
    smallest.members.push(place);
    smallest.size += blocks[place]!.classes.length;
  }
  for (const { members } of groups) members.sort((a, b) => a - b);
  groups.sort((a, b) => a.members[0]! - b.members[0]!);
  return groups.map(({ members }) => {
    const own = members.map((place) => blocks[place]!);
    const longest = Math.max(...own.map(({ classes }) => classes.length));
    return {
      families: own.flatMap(({ families }) => families),
      classes: Array.from({ length: longest }, (_, i) => own.flatMap(({ classes }) => classes[i] ?? []))
        .flat(),
    };
  });
}

/** Tasks of each block: the next one always to the block with the most classes a task; of equal ones the first. */
function apportion(sizes: readonly number[], rooms: readonly number[], tasks: number): number[] {
  const counts = sizes.map(() => 0);
  for (let task = 0; task < tasks; task++) {
    let [best, most] = [-1, -1];
    sizes.forEach((size, i) => {
      const each = counts[i]! === 0 ? Infinity : size / counts[i]!;
      if (counts[i]! < rooms[i]! && each > most) [best, most] = [i, each];
    });
    counts[best]!++;
  }
  return counts;
}

/** Tasks of each block: one for each, round after round. */
function rounds(rooms: readonly number[], tasks: number): number[] {
  const counts = rooms.map(() => 0);
  for (let given = 0; given < tasks;) {
    rooms.forEach((room, i) => {
      if (given === tasks || counts[i]! === room) return;
      counts[i]!++;
      given++;
    });
  }
  return counts;
}
