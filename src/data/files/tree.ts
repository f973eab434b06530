/**
 * A tree of files, whether it lies in a folder or in an archive. Readers walk it; they never know which it was.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { InputError } from "../../core/errors.ts";
import { sha256 } from "../../core/json.ts";
import { MAX_FILE_BYTES, onDisk, readWhole } from "./disk.ts";
import { isGzip } from "./gzip.ts";
import { readTar } from "./tar.ts";
import { refuseStandIn } from "../images/content.ts";
import { isImageName } from "../images/formats.ts";
import { isTarHeader } from "./tar_header.ts";
import { isHidden, MAX_MEMBER_BYTES, type TreeFile } from "./tree_file.ts";
import { readZip } from "./zip.ts";

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

/** File names of archives. */
const ARCHIVE = /\.(zip|tar|tar\.gz|tgz)$/i;

/** Names of archives that each hold a part of a data set. */
const SPLIT = /^(train|training|test|testing|val|valid|validation)$/i;

/**
 * Opens a folder or archive. A folder that holds nothing but archives is the sum of their files: what a download
 * leaves behind can be used as it is.
 *
 * @throws {InputError} If there is none at the path, or it is neither a folder nor a known archive
 */
export async function openTree(path: string): Promise<FileTree> {
  const { isDirectory, isFile } = await onDisk(path, () => Deno.stat(path));
  if (isFile && SINGLE.test(path)) return fileTree(path);
  if (isFile) return await archiveTree(path);
  if (!isDirectory) throw new InputError(`Cannot read ${path}: it is neither a file nor a folder`);
  const root = path.replace(/(?<=.)[/\\]+$/, "");
  const entries = await visibleEntries(root);
  if (entries.length === 0 || !entries.every(({ isFile, name }) => isFile && ARCHIVE.test(name))) {
    return folderTree(root);
  }
  return sumTree(root, await Promise.all(entries.map(({ name }) => archiveTree(`${root}/${name}`))));
}

/** Files that are a data set by themselves. */
const SINGLE = /\.parquet$/i;

function fileTree(path: string): FileTree {
  const bytes = () => readWhole(path, Math.min(MAX_FILE_BYTES, MAX_MEMBER_BYTES));
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return {
    source: path,
    async *walk() {
      const { size } = await onDisk(path, () => Deno.stat(path));
      yield { path: name, size, bytes };
    },
    hash: () => hashFile(path),
  };
}

async function archiveTree(path: string): Promise<FileTree> {
  const head = await readHead(path);
  const open = String.fromCharCode(...head.subarray(0, 2)) === "PK"
    ? () => zipFiles(path)
    : isGzip(head)
    ? () => tarFiles(path, true)
    : isTarHeader(head)
    ? () => tarFiles(path, false)
    : undefined;
  if (open) return { source: path, walk: () => uniqueFiles(path, open()), hash: () => hashFile(path) };
  refuseStandIn(path, head);
  throw new InputError(
    `Cannot read ${path}: found a file that is no archive, wanted a folder, zip, tar or tar.gz`,
  );
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

async function* tarFiles(path: string, gzipped: boolean): AsyncGenerator<TreeFile> {
  yield* readTar(path, () => contentOf(path), gzipped);
}

/** The bytes of a file as they come. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await onDisk(path, () => Deno.open(path));
  yield* file.readable;
}

async function* zipFiles(path: string): AsyncGenerator<TreeFile> {
  using file = await onDisk(path, () => Deno.open(path));
  yield* readZip(path, {
    size: (await file.stat()).size,
    async read(position, length) {
      const bytes = new Uint8Array(length);
      await file.seek(position, Deno.SeekMode.Start);
      let done = 0;
      for (let count; done < length && (count = await file.read(bytes.subarray(done))) !== null;) {
        done += count;
      }
      return bytes.subarray(0, done);
    },
  });
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await onDisk(path, () => Deno.open(path));
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** All files but hidden ones. Two of one name would make the content depend on the reader. */
async function* uniqueFiles(source: string, files: AsyncIterable<TreeFile>): AsyncGenerator<TreeFile> {
  const seen = new Set<string>();
  for await (const file of files) {
    if (isHidden(file.path)) continue;
    if (seen.has(file.path)) {
      throw new InputError(`Cannot read ${source}: found ${file.path} twice, wanted one file of a name`);
    }
    seen.add(file.path);
    yield file;
  }
}

/** Archives that are called `train` and `test` say by it what their files are; the others' names mean nothing. */
function sumTree(source: string, trees: readonly FileTree[]): FileTree {
  const names = trees.map((tree) => tree.source.slice(source.length + 1).replace(ARCHIVE, ""));
  const arePrefixes = names.length > 1 && names.every((name) => SPLIT.test(name)) &&
    new Set(names).size === names.length;
  const all = async function* () {
    for (const [i, tree] of trees.entries()) {
      for await (const file of tree.walk()) {
        yield arePrefixes ? { ...file, path: `${names[i]}/${file.path}` } : file;
      }
    }
  };
  return {
    source,
    walk: () => uniqueFiles(source, all()),
    hash: async () => sha256((await Promise.all(trees.map((tree) => tree.hash()))).join()),
  };
}

function folderTree(source: string): FileTree {
  const walk = () => walkFolder(source, "", []);
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

/** Entries of a folder that are not hidden, sorted by name. */
async function visibleEntries(path: string): Promise<Deno.DirEntry[]> {
  const entries = await onDisk(path, () => Array.fromAsync(Deno.readDir(path)));
  return entries.filter(({ name }) => !isHidden(name)).sort((a, b) => a.name < b.name ? -1 : 1);
}

/**
 * Files below a folder, sorted. Links to files and folders are followed, as torchvision and timm do; one to a folder above
 * would lead in circles. A link that leads nowhere is passed over if it is no image.
 *
 * @param above Real paths of the folders above
 */
async function* walkFolder(
  root: string,
  folder: string,
  above: readonly string[],
): AsyncGenerator<TreeFile> {
  const path = folder === "" ? root : `${root}/${folder}`;
  if (above.length > MAX_DEPTH) {
    throw new InputError(`Cannot read ${path}: found folders nested deeper than ${MAX_DEPTH}`);
  }
  const real = await onDisk(path, () => Deno.realPath(path));
  if (above.includes(real)) {
    throw new InputError(`Cannot read ${path}: found a link in a circle, wanted one to a folder elsewhere`);
  }
  for (const entry of await visibleEntries(path)) {
    const inside = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const full = `${root}/${inside}`;
    const found = entry.isDirectory ? undefined : await statOf(full, entry);
    if (entry.isDirectory || found?.isDirectory) {
      yield* walkFolder(root, inside, [...above, real]);
      continue;
    }
    if (!found) continue;
    if (!found.isFile) {
      throw new InputError(
        `Cannot read ${full}: found something that is not a file, wanted files and folders only`,
      );
    }
    const { size } = found;
    yield { path: inside, size, bytes: () => readWhole(full, Math.min(MAX_FILE_BYTES, MAX_MEMBER_BYTES)) };
  }
}

/** What lies at a path; `undefined` for a link to nothing that is no image. */
async function statOf(path: string, { isSymlink, name }: Deno.DirEntry): Promise<Deno.FileInfo | undefined> {
  if (!isSymlink) return await onDisk(path, () => Deno.stat(path));
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound && !isImageName(name)) return undefined;
    const found = error instanceof Deno.errors.NotFound ? "to nothing" : "that cannot be followed";
    throw new InputError(`Cannot read ${path}: found a link ${found}, wanted a link to a file or folder`, {
      cause: error,
    });
  }
}
