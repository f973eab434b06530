/**
 * The packings of TIFF that no library unpacks with a bound: LZW and PackBits.
 *
 * Source: Adobe, TIFF Revision 6.0, sections 9 and 13.
 *
 * @module
 */

const CLEAR = 256, END = 257, FIRST = 258;
const MAX_CODES = 4096;

/** Unpacks LZW to at most `size` bytes; `undefined` if a code is none. */
export function unpackTiffLzw(packed: Uint8Array, size: number): Uint8Array | undefined {
  const output = new Uint8Array(size);
  // Each code stands for a run of the output that has been written already: where it starts, and its length.
  const starts = new Int32Array(MAX_CODES), lengths = new Int32Array(MAX_CODES);
  let next = FIRST, bits = 9, done = 0, buffer = 0, held = 0;
  let previousStart = 0, previousLength = 0;
  for (let at = 0; done < size;) {
    for (; held < bits && at < packed.length; held += 8) buffer = (buffer << 8 | packed[at++]!) & 0xffffff;
    if (held < bits) return output.subarray(0, done);
    held -= bits;
    const code = buffer >>> held & ((1 << bits) - 1);
    if (code === END) return output.subarray(0, done);
    if (code === CLEAR) {
      next = FIRST;
      bits = 9;
      previousLength = 0;
      continue;
    }
    if (previousLength > 0 && next < MAX_CODES) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next++;
    }
    if (code >= next) return undefined;
    const start = done;
    if (code < CLEAR) output[done++] = code;
    else {
      for (let i = 0, from = starts[code]!; i < lengths[code]! && done < size; i++) {
        output[done++] = output[from + i]!;
      }
    }
    previousStart = start;
    previousLength = done - start;
    // Codes grow one earlier than they must.
    if (next >= (1 << bits) - 1 && bits < 12) bits++;
  }
  return output;
}

/** Unpacks PackBits to at most `size` bytes. */
export function unpackBits(packed: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let done = 0;
  for (let at = 0; at < packed.length && done < size;) {
    const head = packed[at++]!;
    if (head === 128) continue;
    const count = head < 128 ? head + 1 : 257 - head;
    for (let i = 0; i < count && done < size && at < packed.length; i++) {
      output[done++] = packed[at]!;
      if (head < 128) at++;
    }
    if (head > 128) at++;
  }
  return output.subarray(0, done);
}
