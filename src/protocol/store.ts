/**
 * Where a run keeps its record and the snapshot it resumes from. Whatever moment a kill comes, what is found
 * afterwards is a valid prefix: lines are appended whole, snapshots replaced by renaming.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { appendFile, ifThere, removeFile, replaceFile, systemReason } from "../core/files.ts";
import { type Claim, type Claimant, tryClaim } from "./claim.ts";
import { layoutOf } from "./layout.ts";
import { readRecordFile } from "./records/file.ts";

/** The files of one cell. */
export interface CellStore {
  /** Keeps others from writing; `undefined` if somebody else has the cell. A store without it has one user. */
  claim?(): Promise<Claim | undefined>;
  /** The record so far, or `undefined`. */
  readRecord(): Promise<string | undefined>;
  /** Replaces the record in one step. */
  writeRecord(text: string): Promise<void>;
  /** Adds a line, with its line break, at the end of the record. */
  appendRecord(line: string): Promise<void>;
  /** What an unfinished cell goes on from, or `undefined`. */
  readSnapshot(): Promise<Uint8Array | undefined>;
  /** Replaces the snapshot in one step. */
  writeSnapshot(bytes: Uint8Array): Promise<void>;
  /** Forgets the snapshot, if there is one. */
  removeSnapshot(): Promise<void>;
  /** Moves what is damaged out of the way, under a new name, which it gives. */
  setAside(what: "record" | "snapshot"): Promise<string>;
  /** Where trained adapters can be kept; a store without it keeps none. */
  readonly artifacts?: ArtifactStore;
}

/** Files beside a record, by name. */
export interface ArtifactStore {
  /** Whether there is a file of that name. */
  has(name: string): Promise<boolean>;
  /** Replaces the file in one step. */
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** A store in memory: for tests, and for library users who want no files. */
export function createMemoryStore(): CellStore {
  let record: string | undefined;
  let snapshot: Uint8Array | undefined;
  const artifacts = new Map<string, Uint8Array>();
  const damaged: (string | Uint8Array)[] = [];
  return {
    readRecord: () => Promise.resolve(record),
    writeRecord: (text) => Promise.resolve(void (record = text)),
    appendRecord: (line) => Promise.resolve(void (record = (record ?? "") + line)),
    readSnapshot: () => Promise.resolve(snapshot),
    writeSnapshot: (bytes) => Promise.resolve(void (snapshot = bytes)),
    removeSnapshot: () => Promise.resolve(void (snapshot = undefined)),
    setAside(what) {
      const content = what === "record" ? record : snapshot;
      if (content !== undefined) damaged.push(content);
      if (what === "record") record = undefined;
      else snapshot = undefined;
      return Promise.resolve(`${what}.damaged-${damaged.length}`);
    },
    artifacts: {
      has: (name) => Promise.resolve(artifacts.has(name)),
      write: (name, bytes) => Promise.resolve(void artifacts.set(name, bytes)),
    },
  };
}

/**
 * A store in the files of a run's folder; see `layout.ts`.
 *
 * @param claimant Who writes, where several processes or threads share the folder
 * @throws {InputError} If the folders cannot be created or written
 */
export async function createFileStore(folder: string, name: string, claimant?: Claimant): Promise<CellStore> {
  const layout = layoutOf(folder);
  const [record, snapshot, adapters] = [layout.record(name), layout.snapshot(name), layout.adapters(name)];
  await prepareFolder(folder);
  return {
    ...(claimant && {
      claim: () =>
        writing(layout.lease(name), () => tryClaim(layout.lock(name), layout.lease(name), claimant)),
    }),
    readRecord: () => ifThere(() => readRecordFile(record)),
    writeRecord: (text) => writing(record, () => replaceFile(record, text)),
    appendRecord: (line) => writing(record, () => appendFile(record, line)),
    readSnapshot: () => ifThere(() => Deno.readFile(snapshot)),
    writeSnapshot: (bytes) => writing(snapshot, () => replaceFile(snapshot, bytes)),
    removeSnapshot: () => removeFile(snapshot),
    setAside: (what) => setAside(what === "record" ? record : snapshot),
    artifacts: {
      has: async (file) => await ifThere(() => Deno.stat(`${adapters}/${file}`)) !== undefined,
      write: (file, bytes) =>
        writing(`${adapters}/${file}`, async () => {
          await Deno.mkdir(adapters, { recursive: true });
          await replaceFile(`${adapters}/${file}`, bytes);
        }),
    },
  };
}

/** Writes, and says in a failure which file could not be written and why. */
async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new Error(`Cannot write ${path}: ${systemReason(error)}`, { cause: error });
  }
}

/** Renames a file to `<path>.damaged-1`, or the first number that is free. */
async function setAside(path: string): Promise<string> {
  for (let number = 1;; number++) {
    const name = `${path}.damaged-${number}`;
    if (await ifThere(() => Deno.lstat(name))) continue;
    await ifThere(() => Deno.rename(path, name));
    return name;
  }
}

/**
 * Creates the folders of a benchmark's output and proves that they can be written.
 *
 * @throws {InputError} If not
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    const { records, snapshots, claims } = layoutOf(folder);
    for (const path of [records, snapshots, claims]) await Deno.mkdir(path, { recursive: true });
    const probe = await Deno.makeTempFile({ dir: records, prefix: ".probe-" });
    await Deno.remove(probe);
  } catch (error) {
    throw new InputError(
      `Cannot write results to ${folder}: ${systemReason(error)}, wanted a folder that can be written`,
    );
  }
}
