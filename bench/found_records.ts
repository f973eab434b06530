/**
 * The records of any number of folders, each cell once: what a board is made of, and why files are no part of it.
 *
 * @module
 */
import { ifThere, InputError, systemReason } from "../src/core/mod.ts";
import {
  type AnyRecord,
  cellName,
  type FoundRecord,
  inBoardOrder,
  layoutOf,
  listRecords,
  parseRecord,
  type Problem,
  readRecordFile,
} from "../src/protocol/mod.ts";

/** What some folders hold. */
export interface Collection {
  /** In the order of a board; paths are relative to the folder that they were found in. */
  readonly records: readonly FoundRecord[];
  /** Records that have no end, with their paths. */
  readonly unfinished: readonly FoundRecord[];
  /** Paths of files whose first line a kill cut off. */
  readonly empty: readonly string[];
  /** Files that cannot be used, by path. */
  readonly problems: readonly Problem[];
}

interface Found {
  readonly folder: string;
  /** As given, with its folder. */
  readonly path: string;
  readonly record: AnyRecord;
}

/** The records in a folder and in that of a run. */
async function recordsIn(folder: string): Promise<string[]> {
  try {
    const direct = await listRecords(folder);
    return [...direct, ...await ifThere(() => listRecords(layoutOf(folder).records)) ?? []];
  } catch (error) {
    throw new InputError(`Cannot read records in ${folder}: ${systemReason(error)}`);
  }
}

/**
 * Reads all records of some folders of runs or of records. Of one cell, an ended record is taken before an unfinished one
 * and a longer one before a shorter; two that ended with different hashes are a conflict, and neither is taken.
 *
 * @throws {InputError} If a folder cannot be read
 */
export async function collectRecords(folders: readonly string[]): Promise<Collection> {
  const found: Found[] = [];
  const seen = new Set<string>();
  const empty = new Set<string>();
  const problems = new Map<string, string>();
  for (const given of folders) {
    const folder = given.replace(/(.)[/\\]+$/, "$1");
    for (const path of await recordsIn(folder)) {
      if (seen.has(path)) continue;
      seen.add(path);
      try {
        const text = await readRecordFile(path);
        if (text.includes("\n")) found.push({ folder, path, record: parseRecord(text, path) });
        else empty.add(path);
      } catch (error) {
        problems.set(
          path,
          error instanceof InputError ? error.message : `Cannot read record ${path}: ${systemReason(error)}`,
        );
      }
    }
  }
  const cells = Map.groupBy(found, ({ record }) => cellName(record.start.cell));
  const used = [...cells.values()].flatMap((group) => {
    const conflict = conflictOf(group);
    for (const { path } of conflict) problems.set(path, describeConflict(path, conflict));
    return conflict.length > 0 ? [] : [furthest(group)];
  });
  const shown = ({ folder, path, record }: Found) => ({ path: path.slice(folder.length + 1), record });
  return {
    records: inBoardOrder(used.map(shown)),
    unfinished: inBoardOrder(used.filter(({ record }) => !record.end)),
    empty: [...empty].sort(),
    problems: [...problems].map(([path, message]) => ({ path, message }))
      .sort((a, b) => a.path < b.path ? -1 : 1),
  };
}

/** The ended records of a cell, if they ended with different hashes: the first of each hash. */
function conflictOf(group: readonly Found[]): Found[] {
  const hashes = Map.groupBy(group.filter(({ record }) => record.end), ({ record }) => record.end!.hash);
  return hashes.size > 1 ? [...hashes.values()].flat() : [];
}

function describeConflict(path: string, conflict: readonly Found[]): string {
  const own = conflict.find((found) => found.path === path)!.record.end!.hash;
  const others = conflict.filter(({ record }) => record.end!.hash !== own).map((found) => found.path);
  return `Cannot use ${path}: it ended with another result than ${
    others.join(", ")
  }, a record of the same cell`;
}

function furthest(group: readonly Found[]): Found {
  const progress = ({ record: { tasks, end } }: Found) => end ? Infinity : tasks.length;
  return group.reduce((best, found) => progress(found) > progress(best) ? found : best);
}
