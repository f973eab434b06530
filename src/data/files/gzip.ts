/**
 * Unpacking gzip with a bound: a few hundred bytes can unpack to gigabytes, so the caller says, from the first
 * unpacked bytes, how many there may be, and unpacking stops as soon as there are more.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { concatBytes } from "./bytes.ts";

/** Packed bytes handed to the inflater at once; deflate unpacks to at most 1,032 times as much. */
const SLICE = 16 * 1024;

/** Whether the bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks gzip. `limitOf` is asked once for the largest size allowed, with at least the first `headBytes` unpacked
 * bytes in hand; it may throw to reject the content.
 *
 * @param source What is unpacked, for messages
 * @throws {InputError} If the bytes are not intact gzip or unpack to more than the limit
 */
export async function gunzip(
  source: string,
  packed: Uint8Array,
  headBytes: number,
  limitOf: (head: Uint8Array) => number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  let limit: number | undefined;
  try {
    for await (const chunk of slices(packed).pipeThrough(new DecompressionStream("gzip"))) {
      chunks.push(chunk);
      total += chunk.length;
      if (limit === undefined && total >= headBytes) limit = limitOf(concatBytes(chunks));
      if (limit !== undefined && total > limit) {
        throw new InputError(
          `Cannot unpack ${source}: found more than the ${limit} bytes its header declares`,
        );
      }
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`Cannot unpack ${source}: found damaged or truncated gzip data`, { cause: error });
  }
  return concatBytes(chunks);
}

function slices(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let start = 0;
  return new ReadableStream({
    pull(controller) {
      if (start >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(start, start + SLICE));
      start += SLICE;
    },
  });
}
