/**
 * Where everything of a run lies. The only place that spells these paths.
 *
 * ```text
 * <run>/records/<cell>.jsonl      a record; one set aside has `.damaged-1`, `.damaged-2`, … after its name
 *       snapshots/<cell>.state    what an unfinished cell goes on from
 *       adapters/<cell>/          what --keep-adapters keeps
 *       claims/<cell>.lock        held by the process that runs the cell
 *              <cell>.lease       who that is, for machines that do not see the lock
 *       exports/                  what deno task export makes of it
 * ```
 *
 * @module
 */

/** Ending of a record's file. */
export const RECORD_ENDING = ".jsonl";

/** Paths within the folder of a run. A cell is named as by `cellName`. */
export interface RunLayout {
  /** Folder of the records. */
  readonly records: string;
  /** Folder of the snapshots. */
  readonly snapshots: string;
  /** Folder of locks and leases. */
  readonly claims: string;
  /** Folder of what is exported. */
  readonly exports: string;
  /** File of a cell's record. */
  record(cell: string): string;
  /** File that an unfinished cell goes on from. */
  snapshot(cell: string): string;
  /** A folder. */
  adapters(cell: string): string;
  /** File that is locked while a process runs the cell. */
  lock(cell: string): string;
  /** File that says who runs the cell. */
  lease(cell: string): string;
}

/** The paths of a run in a folder. */
export function layoutOf(folder: string): RunLayout {
  const [records, snapshots, claims] = [`${folder}/records`, `${folder}/snapshots`, `${folder}/claims`];
  return {
    records,
    snapshots,
    claims,
    exports: `${folder}/exports`,
    record: (cell) => `${records}/${cell}${RECORD_ENDING}`,
    snapshot: (cell) => `${snapshots}/${cell}.state`,
    adapters: (cell) => `${folder}/adapters/${cell}`,
    lock: (cell) => `${claims}/${cell}.lock`,
    lease: (cell) => `${claims}/${cell}.lease`,
  };
}

/** The run and the cell of a record's path: the reverse of `layoutOf(run).record(cell)`. */
export function placeOfRecord(path: string): { readonly run: string; readonly cell: string } {
  const [, folder = ".", name] = /^(?:(.*)[/\\])?([^/\\]*)$/.exec(path)!;
  return { run: `${folder}/..`, cell: name!.slice(0, -RECORD_ENDING.length) };
}

/**
 * Paths of the records in a folder, sorted.
 *
 * @param folder The folder of records itself
 */
export async function listRecords(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory && name.endsWith(RECORD_ENDING)) paths.push(`${folder}/${name}`);
  }
  return paths.sort();
}
