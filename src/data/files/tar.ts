/**
 * Tar archives (v7, ustar, GNU and PAX), plain or gzipped, read as a stream: what lies in memory is one file of it at a
 * time, so an archive may be larger than memory. Nothing is ever written to the disk; names are still checked, because
 * they become paths in messages and caches.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { ByteReader } from "./byte_reader.ts";
import { gunzipStream } from "./gzip.ts";
import { type ArchiveLink, linkedFiles, plainPath, symlinkTarget } from "./links.ts";
import { BLOCK, isTarHeader, parsePax, parseTarHeader, type TarHeader, text } from "./tar_header.ts";
import { reasonOf } from "./reason.ts";
import { checkPath, MAX_MEMBER_BYTES, type TreeFile } from "./tree_file.ts";

/** Unpacked bytes always allowed, and how many times its packed size an archive may unpack to beyond them. */
const FREE_BYTES = 64 * 2 ** 20;
const MAX_RATIO = 100;
/** Largest extended header: no path is longer. */
const MAX_META_BYTES = 2 ** 20;

/**
 * The files of a tar archive in stored order, then those that its links stand for. Devices are refused.
 *
 * @param source Path of the archive, for messages
 * @param open Gives the archive's bytes from the beginning; links make a second reading necessary
 * @throws {InputError} If the archive is damaged, unpacks to absurd sizes, or a name leads out of it
 */
export async function* readTar(
  source: string,
  open: () => AsyncIterable<Uint8Array>,
  gzipped: boolean,
): AsyncGenerator<TreeFile> {
  const links: ArchiveLink[] = [];
  yield* ownFiles(source, open(), gzipped, links);
  if (links.length > 0) yield* linkedFiles(source, links, ownFiles(source, open(), gzipped, []));
}

/** The files with a body of their own; links are put on a list. */
async function* ownFiles(
  source: string,
  content: AsyncIterable<Uint8Array>,
  gzipped: boolean,
  links: ArchiveLink[],
): AsyncGenerator<TreeFile> {
  const reader = new ByteReader(gzipped ? unpack(source, content) : content);
  const inArchive = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      throw damaged(source, error);
    }
  };
  const globals = new Map<string, string>();
  try {
    for (;;) {
      const header = await inArchive(() => nextHeader(reader, globals));
      if (!header) return;
      const { size } = header;
      const skip = () => inArchive(() => reader.skip(Math.ceil(size / BLOCK) * BLOCK));
      const path = header.type === "directory" ? undefined : checkPath(source, header.name);
      if (path === undefined || header.type === "label") {
        await skip();
        continue;
      }
      const link = linkOf(path, header);
      if (link) {
        links.push(link);
        continue;
      }
      checkHeader(source, path, header);
      let isRead = false;
      yield {
        path,
        size,
        bytes: () => {
          isRead = true;
          return inArchive(async () => {
            const bytes = await reader.take(size);
            await reader.skip((BLOCK - size % BLOCK) % BLOCK);
            return bytes;
          });
        },
      };
      if (!isRead) await skip();
    }
  } finally {
    await reader.close();
  }
}

/** The next entry with what its extended headers say; `undefined` at the end, which must be one. */
async function nextHeader(
  reader: ByteReader,
  globals: Map<string, string>,
): Promise<TarHeader & { readonly isSparse: boolean } | undefined> {
  let extended = new Map<string, string>();
  for (;;) {
    const block = await reader.take(BLOCK);
    if (block.every((byte) => byte === 0)) {
      if ((await reader.take(BLOCK)).some((byte) => byte !== 0)) {
        throw new Error("it has a block of zeros within");
      }
      await reader.expectZeros();
      return undefined;
    }
    if (!isTarHeader(block)) throw new Error("a checksum is wrong");
    const header = parseTarHeader(block);
    if (!["pax", "global pax", "long name", "long link"].includes(header.type)) {
      const facts = new Map([...globals, ...extended]);
      const size = facts.get("size");
      if (size !== undefined && !/^\d{1,15}$/.test(size)) throw new Error("a size in it is no number");
      const name = facts.get("path") ?? header.name;
      return {
        ...header,
        name,
        // Before there were folders, a slash at the end made one. The short form of a long name may end in one, too.
        type: header.type === "file" && name.endsWith("/") ? "directory" : header.type,
        linkname: facts.get("linkpath") ?? header.linkname,
        size: size !== undefined && header.type === "file" ? Number(size) : header.size,
        isSparse: header.type === "sparse" || [...facts.keys()].some((key) => key.startsWith("GNU.sparse.")),
      };
    }
    if (header.size > MAX_META_BYTES) throw new Error(`it has an extended header of ${header.size} bytes`);
    const body = await reader.take(header.size);
    await reader.skip((BLOCK - header.size % BLOCK) % BLOCK);
    if (header.type === "long name") extended.set("path", text(body, 0, body.length));
    else if (header.type === "long link") extended.set("linkpath", text(body, 0, body.length));
    else if (header.type === "pax") extended = new Map([...extended, ...parsePax(body)]);
    else for (const [key, value] of parsePax(body)) globals.set(key, value);
  }
}

function linkOf(path: string, { type, linkname }: TarHeader): ArchiveLink | undefined {
  if (type === "link") return { path, target: plainPath(linkname.split("/")), written: linkname };
  return type === "symlink" ? { path, target: symlinkTarget(path, linkname), written: linkname } : undefined;
}

function checkHeader(
  source: string,
  path: string,
  { type, size, isSparse }: TarHeader & { readonly isSparse: boolean },
): void {
  const found = isSparse
    ? `${path}, a sparse file or a part of one`
    : type !== "file"
    ? `${path}, an entry that is a device or of an unknown type`
    : undefined;
  if (found) throw new InputError(`Cannot read ${source}: found ${found}, wanted files and folders only`);
  if (size > MAX_MEMBER_BYTES) {
    throw new InputError(
      `Cannot read ${source}: found ${path} of ${size} bytes, wanted at most ${MAX_MEMBER_BYTES}`,
    );
  }
}

function damaged(source: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  return new InputError(`Cannot read ${source}: found a damaged tar archive (${reasonOf(error)})`, {
    cause: error,
  });
}

/** Unpacks gzip as a stream that fails when it grows out of proportion. */
async function* unpack(
  source: string,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let packed = 0, unpacked = 0;
  const counted = async function* () {
    for await (const chunk of content) {
      packed += chunk.length;
      yield chunk;
    }
  };
  for await (const chunk of gunzipStream(source, counted())) {
    unpacked += chunk.length;
    if (unpacked > FREE_BYTES + MAX_RATIO * packed) {
      throw new InputError(
        `Cannot unpack ${source}: found ${unpacked} bytes from the first ${packed}, ` +
          `wanted at most ${MAX_RATIO} times as many`,
      );
    }
    yield chunk;
  }
}
