/**
 * A tree of files, whether it lies in a folder or in an archive. Readers walk it; they never know which it was.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { InputError } from "../core/errors.ts";
import { MAX_FILE_BYTES, onDisk, readWhole } from "./disk.ts";
import { isGzip } from "./gzip.ts";
import { readTar } from "./tar.ts";
import { isHidden, MAX_MEMBER_BYTES, type TreeFile } from "./tree_file.ts";

/** Files that can be walked any number of times. */
export interface FileTree {
  /** Path of the folder or archive, for messages. */
  readonly source: string;
  /** All files but hidden ones, in an order that depends on the content alone. */
  walk(): AsyncIterable<TreeFile>;
  /** SHA-256 of the content: of an archive its bytes, of a folder all names and bytes. */
  hash(): Promise<string>;
}

/** Folders deeper than this are no data set. */
const MAX_DEPTH = 16;

/**
 * Opens a folder or archive.
 *
 * @throws {InputError} If there is none at the path, or it is neither a folder nor a known archive
 */
export async function openTree(path: string): Promise<FileTree> {
  const { isDirectory, isFile } = await onDisk(path, () => Deno.stat(path));
  if (isDirectory) return folderTree(path.replace(/(?<=.)[/\\]+$/, ""));
  if (!isFile) throw new InputError(`Cannot read ${path}: it is neither a file nor a folder`);
  const head = await readHead(path);
  if (isGzip(head)) return archiveTree(path, () => tarFiles(path, true));
  if (isTar(head)) return archiveTree(path, () => tarFiles(path, false));
  throw new InputError(`Cannot read ${path}: found no folder, tar or tar.gz archive`);
}

/** First bytes of a file, enough to tell what it is. */
async function readHead(path: string): Promise<Uint8Array> {
  return await onDisk(path, async () => {
    using file = await Deno.open(path);
    const head = new Uint8Array(512);
    const count = await file.read(head);
    return head.subarray(0, count ?? 0);
  });
}

function isTar(head: Uint8Array): boolean {
  return String.fromCharCode(...head.subarray(257, 262)) === "ustar";
}

async function* tarFiles(path: string, gzipped: boolean): AsyncGenerator<TreeFile> {
  const file = await onDisk(path, () => Deno.open(path));
  yield* readTar(path, file.readable, gzipped);
}

/** A tree of an archive's files. Two files of one name would make its content depend on the reader. */
function archiveTree(source: string, open: () => AsyncIterable<TreeFile>): FileTree {
  return {
    source,
    async *walk() {
      const seen = new Set<string>();
      for await (const file of open()) {
        if (isHidden(file.path)) continue;
        if (seen.has(file.path)) {
          throw new InputError(`Cannot read ${source}: found ${file.path} twice, wanted one file of a name`);
        }
        seen.add(file.path);
        yield file;
      }
    },
    async hash() {
      const hash = createHash("sha256");
      const file = await onDisk(source, () => Deno.open(source));
      for await (const chunk of file.readable) hash.update(chunk);
      return hash.digest("hex");
    },
  };
}

function folderTree(source: string): FileTree {
  const walk = () => walkFolder(source, "", 0);
  return {
    source,
    walk,
    async hash() {
      const hash = createHash("sha256");
      for await (const file of walk()) {
        hash.update(`${file.path}\0${file.size}\0`);
        hash.update(await file.bytes());
      }
      return hash.digest("hex");
    },
  };
}

/** Files below a folder, sorted. Links to files are followed; links to folders could lead in circles. */
async function* walkFolder(root: string, folder: string, depth: number): AsyncGenerator<TreeFile> {
  const path = folder === "" ? root : `${root}/${folder}`;
  if (depth > MAX_DEPTH) {
    throw new InputError(`Cannot read ${path}: found folders nested deeper than ${MAX_DEPTH}`);
  }
  const entries = await onDisk(path, () => Array.fromAsync(Deno.readDir(path)));
  for (const entry of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const inside = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (isHidden(entry.name)) continue;
    if (entry.isDirectory) {
      yield* walkFolder(root, inside, depth + 1);
      continue;
    }
    const full = `${root}/${inside}`;
    const { size, isFile } = await onDisk(full, () => Deno.stat(full));
    if (!isFile) {
      throw new InputError(
        `Cannot read ${full}: found ${entry.isSymlink ? "a link to something" : "something"} ` +
          "that is not a file, wanted files and folders only",
      );
    }
    yield { path: inside, size, bytes: () => readWhole(full, Math.min(MAX_FILE_BYTES, MAX_MEMBER_BYTES)) };
  }
}
