/**
 * The first frame of a GIF file on its canvas, as Pillow gives it. Decoded here because the libraries at hand fill a
 * damaged image up without a word or write to the console; nothing is allocated before the header was judged.
 *
 * Source: CompuServe, Graphics Interchange Format, version 89a.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { RgbaImage } from "./rgba_image.ts";

const MAX_CODES = 4096;
const MAX_CODE_BITS = 12;
/** First row of each pass of an interlaced image, and the distance to the next. */
const PASSES = [[0, 8], [4, 8], [2, 4], [1, 2]] as const;

/** Where the parts of the first frame are. */
interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly isInterlaced: boolean;
  readonly palette: Uint8Array;
  readonly transparent: number | undefined;
  readonly codeBits: number;
  readonly data: Uint8Array;
}

/** Width and height of the canvas of a GIF file; `undefined` if it is none. */
export function gifSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  if (bytes.length < 13 || !/^GIF8[79]a/.test(String.fromCharCode(...bytes.subarray(0, 6)))) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

/**
 * Decodes the first frame. What it does not cover has the colour of the transparent index, or of index 0.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If the file is damaged
 */
export function decodeGif(source: string, bytes: Uint8Array): RgbaImage {
  const { width, height } = gifSize(bytes)!;
  const frame = findFrame(bytes);
  const isInside = frame && frame.width > 0 && frame.height > 0 && frame.left + frame.width <= width &&
    frame.top + frame.height <= height;
  const indices = isInside ? unpack(frame) : undefined;
  if (!frame || !indices) {
    throw new InputError(`Cannot decode ${source}: found damage, wanted a whole GIF file`);
  }
  const canvas = new Uint8Array(width * height).fill(frame.transparent ?? 0);
  const rows = frame.isInterlaced ? interlacedRows(frame.height) : [...Array(frame.height).keys()];
  rows.forEach((row, i) => {
    canvas.set(
      indices.subarray(i * frame.width, (i + 1) * frame.width),
      (frame.top + row) * width + frame.left,
    );
  });
  const data = new Uint8Array(4 * canvas.length).fill(255);
  canvas.forEach((index, p) => {
    for (let c = 0; c < 3; c++) data[4 * p + c] = frame.palette[3 * index + c] ?? 0;
  });
  return { width, height, data };
}

/** Walks blocks to the first image. */
function findFrame(bytes: Uint8Array): Frame | undefined {
  let palette: Uint8Array = new Uint8Array(), transparent: number | undefined;
  let at = 13;
  const takePalette = (flags: number) => {
    const size = 3 * 2 ** ((flags & 7) + 1);
    const colours = bytes.subarray(at, at + size);
    at += size;
    return colours;
  };
  if (bytes[10]! & 0x80) palette = takePalette(bytes[10]!);
  while (at + 10 < bytes.length) {
    const kind = bytes[at]!;
    if (kind === 0x21) {
      if (bytes[at + 1] === 0xf9 && bytes[at + 2] === 4) {
        transparent = bytes[at + 3]! & 1 ? bytes[at + 6]! : undefined;
      }
      const end = endOfBlocks(bytes, at + 2);
      if (end === undefined) return undefined;
      at = end;
    } else if (kind === 0x2c) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at);
      const flags = bytes[at + 9]!;
      const [left, top, width, height] = [1, 3, 5, 7].map((offset) => view.getUint16(offset, true)) as [
        number,
        number,
        number,
        number,
      ];
      at += 10;
      if (flags & 0x80) palette = takePalette(flags);
      const end = endOfBlocks(bytes, at + 1);
      if (end === undefined) return undefined;
      const isInterlaced = (flags & 0x40) !== 0;
      const codeBits = bytes[at]!, data = joinBlocks(bytes, at + 1);
      return { left, top, width, height, isInterlaced, palette, transparent, codeBits, data };
    } else return undefined;
  }
  return undefined;
}

/** Where a chain of blocks of up to 255 bytes ends. */
function endOfBlocks(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < bytes.length; at += 1 + bytes[at]!) {
    if (bytes[at] === 0) return at + 1;
  }
  return undefined;
}

function joinBlocks(bytes: Uint8Array, from: number): Uint8Array {
  const joined = new Uint8Array(endOfBlocks(bytes, from)! - from);
  let length = 0;
  for (let at = from; bytes[at] !== 0; at += 1 + bytes[at]!) {
    joined.set(bytes.subarray(at + 1, at + 1 + bytes[at]!), length);
    length += bytes[at]!;
  }
  return joined.subarray(0, length);
}

/** LZW: the indices of all pixels in stored order; `undefined` if they are too few or a code is none. */
function unpack({ width, height, codeBits, data }: Frame): Uint8Array | undefined {
  if (codeBits < 1 || codeBits > 8) return undefined;
  const clear = 1 << codeBits, end = clear + 1;
  const output = new Uint8Array(width * height);
  // Each code stands for a run of the output that has been written already: where it starts, and its length.
  const starts = new Int32Array(MAX_CODES), lengths = new Int32Array(MAX_CODES);
  let next = clear + 2, bits = codeBits + 1, done = 0;
  let previousStart = 0, previousLength = 0;
  let buffer = 0, held = 0;
  for (let at = 0; done < output.length;) {
    for (; held < bits && at < data.length; held += 8) buffer |= data[at++]! << held;
    if (held < bits) return undefined;
    const code = buffer & ((1 << bits) - 1);
    buffer >>>= bits;
    held -= bits;
    if (code === end) return undefined;
    if (code === clear) {
      next = clear + 2;
      bits = codeBits + 1;
      previousLength = 0;
      continue;
    }
    if (code >= next + (previousLength > 0 && next < MAX_CODES ? 1 : 0)) return undefined;
    // The new code is the previous run and the first index of this one: the two lie side by side.
    if (previousLength > 0 && next < MAX_CODES) {
      starts[next] = previousStart;
      lengths[next] = previousLength + 1;
      next++;
    }
    const start = done;
    if (code < clear) output[done++] = code;
    else {
      for (let i = 0, from = starts[code]!; i < lengths[code]! && done < output.length; i++) {
        output[done++] = output[from + i]!;
      }
    }
    previousStart = start;
    previousLength = done - start;
    if (next === 1 << bits && bits < MAX_CODE_BITS) bits++;
  }
  return output;
}

function interlacedRows(height: number): number[] {
  return PASSES.flatMap(([first, step]) => {
    const rows: number[] = [];
    for (let row = first; row < height; row += step) rows.push(row);
    return rows;
  });
}
