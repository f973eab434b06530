/**
 * Tar archives, plain or gzipped, read as a stream: what lies in memory is one file of it at a time, so an archive
 * may be larger than memory. Nothing is ever written to the disk; names are still checked, because they become paths
 * in messages and caches.
 *
 * @module
 */
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import { InputError } from "../../core/errors.ts";
import { concatBytes } from "./bytes.ts";
import { checkPath, MAX_MEMBER_BYTES, type TreeFile } from "./tree_file.ts";

/** Unpacked bytes always allowed, and how many times its packed size an archive may unpack to beyond them. */
const FREE_BYTES = 64 * 2 ** 20;
const MAX_RATIO = 100;

/**
 * The files of a tar archive in stored order. Links and devices are refused.
 *
 * @param source Path of the archive, for messages
 * @throws {InputError} If the archive is damaged, unpacks to absurd sizes, or a name leads out of it
 */
export async function* readTar(
  source: string,
  content: ReadableStream<Uint8Array<ArrayBuffer>>,
  gzipped: boolean,
): AsyncGenerator<TreeFile> {
  const tar = gzipped ? unpack(source, content) : content;
  const entries = tar.pipeThrough(createTarDecoder({ strict: true }))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await entries.next().catch((error) => {
        throw damaged(source, error);
      });
      if (next.done) return;
      const { header } = next.value;
      const type = header.type ?? "file";
      if (type === "directory") {
        await next.value.body.cancel();
        continue;
      }
      const path = checkPath(source, header.name);
      if (type !== "file") {
        throw new InputError(
          `Cannot read ${source}: found ${path}, a ${type}, wanted files and folders only`,
        );
      }
      if (header.size > MAX_MEMBER_BYTES) {
        throw new InputError(
          `Cannot read ${source}: found ${path} of ${header.size} bytes, wanted at most ${MAX_MEMBER_BYTES}`,
        );
      }
      let isRead = false;
      yield {
        path,
        size: header.size,
        bytes: () => {
          isRead = true;
          return readBody(source, next.value);
        },
      };
      if (!isRead) await next.value.body.cancel();
    }
  } finally {
    await entries.return?.().catch(() => {});
  }
}

async function readBody(source: string, { header, body }: ParsedTarEntry): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      total += chunk.length;
    }
  } catch (error) {
    throw damaged(source, error);
  }
  if (total !== header.size) throw damaged(source, new Error(`${header.name} is cut off`));
  return concatBytes(chunks);
}

function damaged(source: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const reason = error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
  return new InputError(`Cannot read ${source}: found a damaged tar archive (${reason})`, { cause: error });
}

/** Unpacks gzip as a stream that fails when it grows out of proportion. */
function unpack(
  source: string,
  content: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let packed = 0, unpacked = 0;
  const countPacked = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      packed += chunk.length;
      controller.enqueue(chunk);
    },
  });
  const countUnpacked = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      unpacked += chunk.length;
      if (unpacked > FREE_BYTES + MAX_RATIO * packed) {
        throw new InputError(
          `Cannot unpack ${source}: found ${unpacked} bytes from the first ${packed}, ` +
            `wanted at most ${MAX_RATIO} times as many`,
        );
      }
      controller.enqueue(chunk);
    },
  });
  return content.pipeThrough(countPacked).pipeThrough(new DecompressionStream("gzip")).pipeThrough(
    countUnpacked,
  );
}
