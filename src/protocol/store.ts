/**
 * Where a run keeps its record and the snapshot it resumes from. Whatever moment a kill comes, what is found
 * afterwards is a valid prefix: lines are appended whole, snapshots replaced by renaming.
 *
 * @module
 */
import { InputError } from "../core/errors.ts";
import { ifThere, removeFile, replaceFile } from "../core/files.ts";

/** The files of one cell. */
export interface CellStore {
  /** The record so far, or `undefined`. */
  readRecord(): Promise<string | undefined>;
  /** Replaces the record in one step. */
  writeRecord(text: string): Promise<void>;
  appendRecord(line: string): Promise<void>;
  readSnapshot(): Promise<Uint8Array | undefined>;
  /** Replaces the snapshot in one step. */
  writeSnapshot(bytes: Uint8Array): Promise<void>;
  removeSnapshot(): Promise<void>;
  /** Where trained adapters can be kept; a store without it keeps none. */
  readonly artifacts?: ArtifactStore;
}

/** Files beside a record, by name. */
export interface ArtifactStore {
  has(name: string): Promise<boolean>;
  /** Replaces the file in one step. */
  write(name: string, bytes: Uint8Array): Promise<void>;
}

/** A store in memory: for tests, and for library users who want no files. */
export function createMemoryStore(): CellStore {
  let record: string | undefined;
  let snapshot: Uint8Array | undefined;
  const artifacts = new Map<string, Uint8Array>();
  return {
    readRecord: () => Promise.resolve(record),
    writeRecord: (text) => Promise.resolve(void (record = text)),
    appendRecord: (line) => Promise.resolve(void (record = (record ?? "") + line)),
    readSnapshot: () => Promise.resolve(snapshot),
    writeSnapshot: (bytes) => Promise.resolve(void (snapshot = bytes)),
    removeSnapshot: () => Promise.resolve(void (snapshot = undefined)),
    artifacts: {
      has: (name) => Promise.resolve(artifacts.has(name)),
      write: (name, bytes) => Promise.resolve(void artifacts.set(name, bytes)),
    },
  };
}

/**
 * A store in `folder/records/<name>.jsonl`, `folder/snapshots/<name>.state` and `folder/adapters/<name>/`.
 *
 * @throws {InputError} If the folders cannot be created or written
 */
export async function createFileStore(folder: string, name: string): Promise<CellStore> {
  const record = `${folder}/records/${name}.jsonl`;
  const snapshot = `${folder}/snapshots/${name}.state`;
  const adapters = `${folder}/adapters/${name}`;
  await prepareFolder(folder);
  return {
    readRecord: () => ifThere(() => Deno.readTextFile(record)),
    writeRecord: (text) => replaceFile(record, text),
    appendRecord: (line) => Deno.writeTextFile(record, line, { append: true }),
    readSnapshot: () => ifThere(() => Deno.readFile(snapshot)),
    writeSnapshot: (bytes) => replaceFile(snapshot, bytes),
    removeSnapshot: () => removeFile(snapshot),
    artifacts: {
      has: async (file) => await ifThere(() => Deno.stat(`${adapters}/${file}`)) !== undefined,
      async write(file, bytes) {
        await Deno.mkdir(adapters, { recursive: true });
        await replaceFile(`${adapters}/${file}`, bytes);
      },
    },
  };
}

/**
 * Creates the folders of a benchmark's output and proves that they can be written.
 *
 * @throws {InputError} If not
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(`${folder}/records`, { recursive: true });
    await Deno.mkdir(`${folder}/snapshots`, { recursive: true });
    const probe = await Deno.makeTempFile({ dir: `${folder}/records`, prefix: ".probe-" });
    await Deno.remove(probe);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`Cannot write results to ${folder}: ${reason}, wanted a folder that can be written`);
  }
}
