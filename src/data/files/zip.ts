/**
 * Zip archives: yauzl reads the directory, zlib the content. Every file is proved to have the size and the checksum
 * that the directory declares, and is unpacked to no more than that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32, inflateRawSync } from "node:zlib";
// @ts-types="@types/yauzl"
import yauzl, { type Entry, type ZipFile } from "yauzl";
import { InputError } from "../../core/errors.ts";
import { type ArchiveLink, linkedFiles, symlinkTarget } from "./links.ts";
import { reasonOf } from "./reason.ts";
import { checkPath, MAX_MEMBER_BYTES, type TreeFile } from "./tree_file.ts";

/** Bytes that can be read at any place. */
export interface RandomAccess {
  readonly size: number;
  /** `length` bytes from `position`; fewer only at the end. */
  read(position: number, length: number): Promise<Uint8Array>;
}

const STORED = 0;
const DEFLATED = 8;
/** More than deflate can pack into a byte. */
const MAX_RATIO = 1032;
const FILE_TYPE_MASK = 0o170000;
const REGULAR_FILE = 0o100000;
const SYMBOLIC_LINK = 0o120000;
/** Longest target of a symbolic link. */
const MAX_LINK_BYTES = 4096;
/** Bit of the flags that says that names are UTF-8. */
const UTF8_FLAG = 0x800;
/** Mark of an entry of the directory, and what its count of 16 bits wraps around at. */
const ENTRY_MARK = [0x50, 0x4b, 1, 2] as const;
const COUNT_WRAP = 2 ** 16;

/**
 * The files of a zip archive in the order of its directory, then those that its links stand for.
 *
 * @param source Path of the archive, for messages
 * @throws {InputError} If the archive is damaged or encrypted, declares absurd sizes, or a name leads out of it
 */
export async function* readZip(source: string, content: RandomAccess): AsyncGenerator<TreeFile> {
  const inArchive = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(`Cannot read ${source}: found a damaged zip archive (${reasonOf(error)})`, {
        cause: error,
      });
    }
  };
  const links: ArchiveLink[] = [];
  yield* ownFiles(source, content, inArchive, links);
  if (links.length > 0) yield* linkedFiles(source, links, ownFiles(source, content, inArchive, []));
}

/** Runs a step, with what goes wrong as an `InputError`. */
type InArchive = <T>(step: () => Promise<T>) => Promise<T>;

/** The files with content of their own; links are put on a list. */
async function* ownFiles(
  source: string,
  content: RandomAccess,
  inArchive: InArchive,
  links: ArchiveLink[],
): AsyncGenerator<TreeFile> {
  const zip = await inArchive(() => openDirectory(content));
  const entries = zip.eachEntry()[Symbol.asyncIterator]();
  for (;;) {
    const next = await inArchive(async () => {
      await correctCount(zip, content);
      return await entries.next();
    });
    if (next.done) return;
    const entry = next.value;
    const name = nameOf(entry);
    if (name.endsWith("/")) continue;
    const path = checkPath(source, name);
    checkEntry(source, path, entry, content.size);
    const bytes = () => inArchive(() => readEntry(path, entry, zip, content));
    if (typeOf(entry) === SYMBOLIC_LINK) {
      const written = entry.uncompressedSize > MAX_LINK_BYTES ? "" : new TextDecoder().decode(await bytes());
      links.push({ path, target: symlinkTarget(path, written), written });
      continue;
    }
    yield { path, size: entry.uncompressedSize, bytes };
  }
}

/**
 * Goes on where the directory does: macOS' Finder writes the count of entries modulo 65,536, so the directory ends where
 * no entry follows.
 */
async function correctCount(zip: ZipFile, content: RandomAccess): Promise<void> {
  const state = zip as unknown as { entryCount: number; readonly readEntryCursor: number };
  if (zip.entriesRead < state.entryCount) return;
  const mark = await content.read(state.readEntryCursor, ENTRY_MARK.length);
  if (ENTRY_MARK.every((byte, i) => mark[i] === byte)) state.entryCount += COUNT_WRAP;
}

/**
 * The name of an entry with forward slashes: .NET before 4.6.1 wrote others. Names that are UTF-8 are that, whether the
 * flag says so or not, as most archivers outside of Windows leave it out; else they are of code page 437.
 */
function nameOf(entry: Entry): string {
  const { generalPurposeBitFlag: flags, fileNameRaw: raw, extraFields } = entry;
  const isUtf8 = (flags & UTF8_FLAG) !== 0 || decodesAsUtf8(raw);
  return yauzl.getFileNameLowLevel(isUtf8 ? flags | UTF8_FLAG : flags, raw, extraFields, false);
}

function decodesAsUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function typeOf({ externalFileAttributes }: Entry): number {
  return (externalFileAttributes >>> 16) & FILE_TYPE_MASK;
}

/** Lets yauzl read from `content`. */
class Reader extends yauzl.RandomAccessReader {
  readonly #content: RandomAccess;

  constructor(content: RandomAccess) {
    super();
    this.#content = content;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, count?: number) => void,
  ): void {
    this.#content.read(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        done(bytes.length < length ? new Error("it is cut off") : null, bytes.length);
      },
      (error) => done(error),
    );
  }
}

async function openDirectory(content: RandomAccess): Promise<ZipFile> {
  return await yauzl.fromRandomAccessReaderPromise(new Reader(content), content.size, {
    autoClose: false,
    decodeStrings: false,
  });
}

function checkEntry(source: string, path: string, entry: Entry, archiveSize: number): void {
  const { uncompressedSize: size, compressedSize: packed } = entry;
  const fail = (found: string, wanted: string) => {
    throw new InputError(`Cannot read ${source}: found ${path} ${found}, wanted ${wanted}`);
  };
  if (![0, REGULAR_FILE, SYMBOLIC_LINK].includes(typeOf(entry))) {
    fail("that is a device", "files and folders only");
  }
  if (entry.isEncrypted()) fail("encrypted", "plain files");
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    fail(`packed by method ${entry.compressionMethod}`, "0 (stored) or 8 (deflated)");
  }
  if (packed > archiveSize || size > MAX_MEMBER_BYTES || size > packed * MAX_RATIO) {
    fail(
      `of ${size} bytes packed into ${packed}`,
      `at most ${MAX_MEMBER_BYTES} bytes and what deflate can pack`,
    );
  }
}

async function readEntry(
  path: string,
  entry: Entry,
  zip: ZipFile,
  content: RandomAccess,
): Promise<Uint8Array> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = await content.read(fileDataStart, entry.compressedSize);
  // zlib refuses a limit of 0.
  const limit = Math.max(1, entry.uncompressedSize);
  const bytes = entry.compressionMethod === STORED
    ? packed
    : inflateRawSync(packed, { maxOutputLength: limit });
  if (bytes.length !== entry.uncompressedSize || crc32(bytes) !== entry.crc32) {
    throw new Error(`${path} has another size or checksum than declared`);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
