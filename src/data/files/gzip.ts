/**
 * Unpacking gzip with a bound: a few hundred bytes can unpack to gigabytes, so what comes out is held against what went
 * in or against what the content itself declares, and unpacking stops as soon as there is more. Files of several members
 * (RFC 1952, 2.2) and zero padding after the last are read, as gzip does.
 *
 * @module
 */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { InputError } from "../../core/errors.ts";
import { concatBytes } from "./bytes.ts";

/** Packed bytes handed to the inflater at once; deflate unpacks to at most 1,032 times as much. */
const SLICE = 16 * 1024;

/** Whether the bytes begin as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks gzip as it comes.
 *
 * @param source What is unpacked, for messages
 * @throws {InputError} If the bytes are not intact gzip; errors of `packed` as they are
 */
export async function* gunzipStream(
  source: string,
  packed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(packed, { objectMode: false });
  const output = createGunzip();
  let inputError: unknown;
  input.on("error", (error) => {
    inputError = error;
    output.destroy(error);
  });
  try {
    for await (const chunk of input.pipe(output)) yield chunk as Uint8Array;
  } catch (error) {
    if (inputError) throw inputError;
    throw new InputError(`Cannot unpack ${source}: found damaged or truncated gzip data`, { cause: error });
  } finally {
    input.destroy();
    output.destroy();
  }
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
  for await (const chunk of gunzipStream(source, slices(packed))) {
    chunks.push(chunk);
    total += chunk.length;
    if (limit === undefined && total >= headBytes) limit = limitOf(concatBytes(chunks));
    if (limit !== undefined && total > limit) {
      throw new InputError(
        `Cannot unpack ${source}: found more than the ${limit} bytes its header declares`,
      );
    }
  }
  return concatBytes(chunks);
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += SLICE) yield bytes.slice(start, start + SLICE);
}
