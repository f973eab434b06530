/**
 * Decoding PNG by fast-png. Before it sees a file, everything but the chunks that make the pixels is taken out, and
 * the packed pixels are proved to be as many as the header says: neither a text chunk nor the pixels can unpack to
 * more memory than the image takes.
 *
 * Source: W3C PNG specification, third edition, sections 5 (chunks), 8 (interlacing), 11.2.1 (colour types).
 *
 * @module
 */
import { crc32, deflateSync, inflateSync } from "node:zlib";
import { convertIndexedToRgb, decode, type DecodedPng } from "fast-png";
import { InputError } from "../../core/errors.ts";
import { concatBytes } from "../files/bytes.ts";
import type { RgbaImage } from "./rgba_image.ts";

/** Colour types by number: samples a pixel, and the bit depths allowed. */
const COLOUR_TYPES: Readonly<
  Record<number, { readonly samples: number; readonly depths: readonly number[] }>
> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};
const PALETTE = 3;

/** Adam7: first column and row of each pass, and the distance to the next. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [
  0,
  1,
  1,
  2,
]] as const;

const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk. */
const CHUNK_OVERHEAD = 12;

/**
 * Decodes a PNG file that begins with a whole header. Alpha is dropped, 16 bits are cut to 8.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If it is damaged
 */
export function decodePng(source: string, bytes: Uint8Array): RgbaImage {
  const [depth, colour, , , interlaced] = bytes.subarray(24, 29) as unknown as [
    number,
    number,
    number,
    number,
    number,
  ];
  const damaged = (found: string, cause?: unknown) =>
    new InputError(`Cannot decode ${source}: found ${found}, wanted a whole PNG file`, { cause });
  const type = COLOUR_TYPES[colour];
  if (!type?.depths.includes(depth) || interlaced > 1) {
    throw damaged(`colour type ${colour} of ${depth} bits, interlace method ${interlaced}`);
  }
  const chunks = pixelChunks(bytes);
  if (!chunks) throw damaged("a cut-off or unknown chunk");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  const wanted = packedSize(size, type.samples * depth, interlaced === 1);
  try {
    const data = concatBytes(chunks.filter(({ name }) => name === "IDAT").map(({ content }) => content));
    const packed = inflateSync(data, { maxOutputLength: wanted });
    if (packed.length !== wanted) throw new RangeError(`${packed.length} bytes of pixels, not ${wanted}`);
    const decodeChunks = (parts: readonly Uint8Array[]) =>
      rgbaOf(decode(concatBytes([bytes.subarray(0, SIGNATURE_BYTES), ...parts]), { checkCrc: true }), colour);
    if (!interlaced || depth >= 8) return { ...size, data: decodeChunks(chunks.map(({ whole }) => whole)) };
    checkChunks(chunks);
    return { ...size, data: decodePasses(size, type.samples * depth, chunks, packed, decodeChunks) };
  } catch (error) {
    throw damaged(`damage (${error instanceof Error ? error.message : error})`, error);
  }
}

/** Four bytes a pixel of a decoded file. */
function rgbaOf(png: DecodedPng, colour: number): Uint8Array {
  if (colour === PALETTE) return toRgba(convertIndexedToRgb(png) as Uint8Array, 3, false);
  return toRgba(samplesOf(png), png.channels, colour === 0 || colour === 4);
}

/** Proves the checksums, as fast-png does where it sees them. */
function checkChunks(chunks: readonly Chunk[]): void {
  for (const { name, whole } of chunks) {
    const body = whole.subarray(4, -4);
    const { buffer, byteOffset, length } = whole;
    if (crc32(body) !== new DataView(buffer, byteOffset, length).getUint32(length - 4)) {
      throw new RangeError(`the checksum of ${name} is wrong`);
    }
  }
}

/** Each pass of an interlaced image is a small image of its own, which fast-png knows at every depth. */
function decodePasses(
  { width, height }: { readonly width: number; readonly height: number },
  bitsPerPixel: number,
  chunks: readonly Chunk[],
  packed: Uint8Array,
  decodeChunks: (parts: readonly Uint8Array[]) => Uint8Array,
): Uint8Array {
  const rgba = new Uint8Array(4 * width * height);
  const [header] = chunks as [Chunk];
  const palette = chunks.filter(({ name }) => name === "PLTE").map(({ whole }) => whole);
  let at = 0;
  for (const [left, top, right, down] of PASSES) {
    const columns = Math.ceil((width - left) / right), rows = Math.ceil((height - top) / down);
    if (columns <= 0 || rows <= 0) continue;
    const length = rows * (1 + Math.ceil(columns * bitsPerPixel / 8));
    const own = header.content.slice();
    const view = new DataView(own.buffer);
    view.setUint32(0, columns);
    view.setUint32(4, rows);
    own[12] = 0;
    const pass = decodeChunks([
      chunkOf("IHDR", own),
      ...palette,
      chunkOf("IDAT", deflateSync(packed.subarray(at, at + length))),
      chunkOf("IEND", new Uint8Array()),
    ]);
    for (let p = 0; p < columns * rows; p++) {
      const x = left + right * (p % columns), y = top + down * Math.floor(p / columns);
      rgba.set(pass.subarray(4 * p, 4 * p + 4), 4 * (y * width + x));
    }
    at += length;
  }
  return rgba;
}

/** A whole chunk with length and checksum. */
function chunkOf(name: string, content: Uint8Array): Uint8Array {
  const whole = new Uint8Array(CHUNK_OVERHEAD + content.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, content.length);
  whole.set(new TextEncoder().encode(name), 4);
  whole.set(content, 8);
  view.setUint32(8 + content.length, crc32(whole.subarray(4, -4)));
  return whole;
}

interface Chunk {
  readonly name: string;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** The chunks that make the pixels up to the end mark; `undefined` if there is no end, or none where one must be. */
function pixelChunks(bytes: Uint8Array): Chunk[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at + CHUNK_OVERHEAD <= bytes.length;) {
    const length = view.getUint32(at);
    const end = at + CHUNK_OVERHEAD + length;
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (end > bytes.length || (name === "IHDR") !== (at === SIGNATURE_BYTES)) return undefined;
    if (["IHDR", "PLTE", "IDAT", "IEND"].includes(name)) {
      chunks.push({ name, content: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    } else if (/^[A-Z]/.test(name)) return undefined;
    if (name === "IEND") return chunks;
    at = end;
  }
  return undefined;
}

/** Bytes of all rows with their filter bytes. */
function packedSize(
  { width, height }: { readonly width: number; readonly height: number },
  bitsPerPixel: number,
  interlaced: boolean,
): number {
  const passes = interlaced ? PASSES : [[0, 0, 1, 1]] as const;
  return passes.reduce((total, [left, top, right, down]) => {
    const columns = Math.ceil((width - left) / right), rows = Math.ceil((height - top) / down);
    return columns > 0 && rows > 0 ? total + rows * (1 + Math.ceil(columns * bitsPerPixel / 8)) : total;
  }, 0);
}

/** One byte a sample. Rows of fewer than 8 bits a sample begin at whole bytes and span the full range. */
function samplesOf({ data, depth, width, height, channels }: DecodedPng): Uint8Array {
  if (depth === 8) return data as Uint8Array;
  if (depth === 16) return Uint8Array.from(data, (value) => value >> 8);
  const rowBytes = Math.ceil(width * depth / 8);
  const largest = 2 ** depth - 1;
  return Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const x = i % width;
    const byte = data[Math.floor(i / width) * rowBytes + Math.floor(x * depth / 8)]!;
    return 255 / largest * (byte >> (8 - depth - x * depth % 8) & largest);
  });
}

function toRgba(samples: Uint8Array, channels: number, isGray: boolean): Uint8Array {
  const pixels = samples.length / channels;
  const rgba = new Uint8Array(4 * pixels).fill(255);
  for (let p = 0; p < pixels; p++) {
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = samples[channels * p + (isGray ? 0 : c)]!;
  }
  return rgba;
}
