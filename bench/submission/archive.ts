/**
 * A submission as one file: a tar, compressed by gzip, of a manifest and records. Archives come from strangers: they
 * are unpacked in memory, within bounds, and nothing but plain files of expected names is looked at.
 *
 * @module
 */
import { packTar, unpackTar } from "modern-tar";
import { InputError, printable, systemReason } from "../../src/core/mod.ts";

/** Bounds of what is read. */
export interface ArchiveLimits {
  /** Of the file. */
  readonly packedBytes: number;
  /** Of all that it unpacks to. */
  readonly unpackedBytes: number;
  /** Entries. */
  readonly files: number;
}

/** A thousand records of two hundred tasks fit. */
export const archiveLimits: ArchiveLimits = {
  packedBytes: 32 * 2 ** 20,
  unpackedBytes: 256 * 2 ** 20,
  files: 10_000,
};

/** Name of the file that says what the others are. */
export const MANIFEST = "submission.json";

/** Folder of the records. */
export const RECORDS = "records/";

/** A plain name of a record in its folder: no other folder, nothing hidden. */
const RECORD_NAME = /^records\/[\p{L}\p{N}_][\p{L}\p{N}_ .+-]{0,240}\.jsonl$/u;

/**
 * Decompresses.
 *
 * @throws {RangeError} If there are more bytes than allowed
 * @throws {TypeError} If it is no gzip, or not a whole one
 */
export async function gunzip(packed: Uint8Array, most: number): Promise<Uint8Array> {
  return await readAll(bytesOf(packed).pipeThrough(new DecompressionStream("gzip")), most);
}

/** Files by name, as one archive. Equal files give equal bytes: no time, no owner. */
export async function packFiles(files: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const names = [...files.keys()].sort();
  const tar = await packTar(names.map((name) => {
    const body = files.get(name)!;
    const header = {
      name,
      size: body.length,
      type: "file" as const,
      mtime: new Date(0),
      mode: 0o644,
      uid: 0,
      gid: 0,
    };
    return { header, body };
  }));
  return await readAll(bytesOf(tar).pipeThrough(new CompressionStream("gzip")), Infinity);
}

/**
 * The files of an archive by name, the manifest among them.
 *
 * @throws {InputError} If it is no such archive, too large, or holds anything else
 */
export async function unpackFiles(
  path: string,
  limits: ArchiveLimits = archiveLimits,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot read submission ${printable(path)}: found ${found}, wanted ${wanted}`);
  };
  const packed = await readPacked(path, limits, fail);
  let tar: Uint8Array;
  try {
    tar = await gunzip(packed, limits.unpackedBytes);
  } catch (error) {
    if (error instanceof RangeError) fail(`more than ${limits.unpackedBytes} bytes in it`, "a smaller one");
    return fail("no gzip", "what deno task submit writes");
  }
  const entries = await unpackTar(tar, { strict: true }).catch(() =>
    fail("no tar in it", "what deno task submit writes")
  );
  if (entries.length > limits.files) fail(`${entries.length} files`, `at most ${limits.files}`);
  const files = new Map<string, Uint8Array>();
  for (const { header: { name, type }, data } of entries) {
    if (type !== "file" || data === undefined) {
      return fail(`${printable(name)}, a ${printable(type ?? "thing")}`, "plain files only");
    }
    if (name !== MANIFEST && !RECORD_NAME.test(name)) {
      return fail(`a file named ${printable(name)}`, `${MANIFEST} and ${RECORDS}NAME.jsonl only`);
    }
    if (files.has(name)) return fail(`${printable(name)} twice`, "each file once");
    files.set(name, data);
  }
  if (!files.has(MANIFEST)) fail("no manifest", MANIFEST);
  return files;
}

async function readPacked(
  path: string,
  { packedBytes }: ArchiveLimits,
  fail: (found: string, wanted: string) => never,
): Promise<Uint8Array> {
  try {
    const { isFile, size } = await Deno.stat(path);
    if (!isFile) fail("no file", "what deno task submit writes");
    if (size > packedBytes) fail(`${size} bytes`, `at most ${packedBytes}`);
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot read submission ${printable(path)}: ${systemReason(error)}`);
  }
}

function bytesOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
}

/** All bytes of a stream; it is left as soon as there are too many. */
async function readAll(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > most) throw new RangeError(`Cannot unpack: more than ${most} bytes`);
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
