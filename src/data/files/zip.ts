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

/**
 * The files of a zip archive in the order of its directory. Links are refused.
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
      const reason = error instanceof Error ? error.message : String(error);
      throw new InputError(`Cannot read ${source}: found a damaged zip archive (${reason})`, {
        cause: error,
      });
    }
  };
  const zip = await inArchive(() => openDirectory(content));
  const entries = zip.eachEntry()[Symbol.asyncIterator]();
  for (;;) {
    const next = await inArchive(() => entries.next());
    if (next.done) return;
    const entry = next.value;
    if (entry.fileName.endsWith("/")) continue;
    const path = checkPath(source, entry.fileName);
    checkEntry(source, path, entry, content.size);
    yield {
      path,
      size: entry.uncompressedSize,
      bytes: () => inArchive(() => readEntry(path, entry, zip, content)),
    };
  }
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
    strictFileNames: true,
  });
}

function checkEntry(source: string, path: string, entry: Entry, archiveSize: number): void {
  const { uncompressedSize: size, compressedSize: packed } = entry;
  const fail = (found: string, wanted: string) => {
    throw new InputError(`Cannot read ${source}: found ${path} ${found}, wanted ${wanted}`);
  };
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK;
  if (type !== 0 && type !== REGULAR_FILE) fail("that is a link or a device", "files and folders only");
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
