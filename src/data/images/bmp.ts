/**
 * Decoding BMP of 1, 4, 8, 16, 24 and 32 bits, plain, run-length encoded or with bit fields, as Pillow does. Decoded here
 * because the libraries at hand leave out palettes, short rows or run lengths and give wrong pixels.
 *
 * Source: Microsoft, Windows GDI, "Bitmap Storage" and "Bitmap Compression".
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { RgbaImage } from "./rgba_image.ts";

const RGB = 0, RLE8 = 1, RLE4 = 2, BIT_FIELDS = 3, ALPHA_BIT_FIELDS = 6;
/** Sizes of the headers that are known; 12 is that of OS/2 and has shorter fields. */
const HEADERS = [12, 40, 52, 56, 64, 108, 124];
const FILE_HEADER = 14;

interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Red, green and blue masks of a pixel of 16 or 32 bits. */
  readonly masks: readonly number[];
  /** Four or three bytes a colour: blue, green, red. */
  readonly palette: Uint8Array;
  readonly paletteStep: number;
  readonly pixels: Uint8Array;
}

/** Width and height of a BMP file; `undefined` if it is none. */
export function bmpSize(bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  if (bytes.length < 26 || bytes[0] !== 0x42 || bytes[1] !== 0x4d) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const header = view.getUint32(14, true);
  if (!HEADERS.includes(header) || bytes.length < FILE_HEADER + header) return undefined;
  if (header === 12) return { width: view.getUint16(18, true), height: view.getUint16(20, true) };
  const width = view.getInt32(18, true), height = Math.abs(view.getInt32(22, true));
  return width < 0 ? undefined : { width, height };
}

/**
 * Decodes a file whose size was judged.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If the file is damaged or of a kind that is not read
 */
export function decodeBmp(source: string, bytes: Uint8Array): RgbaImage {
  const bitmap = parse(bytes);
  const { width, height, isTopDown, bits, compression, pixels } = bitmap;
  const fail = (found: string, wanted: string): never => {
    throw new InputError(`Cannot decode ${source}: found ${found}, wanted ${wanted}`);
  };
  const isRunLength = (compression === RLE8 && bits === 8) || (compression === RLE4 && bits === 4);
  const isPlain = compression === RGB ||
    ((compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS) && bits >= 16);
  if (![1, 4, 8, 16, 24, 32].includes(bits) || !(isRunLength || isPlain)) {
    fail(
      `a BMP file of ${bits} bits with compression ${compression}`,
      "1 to 32 bits, plain or run-length encoded",
    );
  }
  if (bits >= 16 && !bitmap.masks.every((mask) => shiftOf(mask) !== undefined)) {
    fail("a BMP file with bit fields that are not 5, 6 or 8 bits in a row", "such bit fields");
  }
  const rowBytes = Math.ceil(width * bits / 32) * 4;
  if (isPlain && pixels.length < (height - 1) * rowBytes + Math.ceil(width * bits / 8)) {
    fail("damage (pixels are missing)", "a whole BMP file");
  }
  const indices = isRunLength ? runLengths(bitmap) : undefined;
  if (isRunLength && !indices) fail("damage (runs are cut off)", "a whole BMP file");
  const data = new Uint8Array(4 * width * height).fill(255);
  const colourOf = colourReader(bitmap, indices, rowBytes);
  for (let row = 0; row < height; row++) {
    const target = 4 * width * (isTopDown ? row : height - 1 - row);
    for (let x = 0; x < width; x++) colourOf(row, x, data, target + 4 * x);
  }
  return { width, height, data };
}

function parse(bytes: Uint8Array): Bitmap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = view.getUint32(14, true), isOld = header === 12;
  const { width, height } = bmpSize(bytes)!;
  const bits = view.getUint16(isOld ? 24 : 28, true);
  const compression = isOld ? RGB : view.getUint32(30, true);
  const hasFields = compression === BIT_FIELDS || compression === ALPHA_BIT_FIELDS;
  const masksFollow = hasFields && header === 40;
  const masksEnd = FILE_HEADER + 40 + 12;
  const masks = hasFields && bytes.length >= masksEnd
    ? [54, 58, 62].map((at) => view.getUint32(at, true))
    : bits === 16
    ? [0x7c00, 0x3e0, 0x1f]
    : [0xff0000, 0xff00, 0xff];
  const paletteStep = isOld ? 3 : 4;
  const declared = isOld ? 0 : view.getUint32(46, true);
  const colours = bits > 8 ? 0 : Math.min(declared || 2 ** bits, 2 ** bits);
  const paletteAt = FILE_HEADER + header + (masksFollow ? (compression === BIT_FIELDS ? 12 : 16) : 0);
  return {
    width,
    height,
    isTopDown: !isOld && view.getInt32(22, true) < 0,
    bits,
    compression,
    masks,
    palette: bytes.subarray(paletteAt, Math.min(paletteAt + colours * paletteStep, bytes.length)),
    paletteStep,
    pixels: bytes.subarray(Math.min(bytes.length, view.getUint32(10, true))),
  };
}

/** Where a mask begins and how many bits it has, if they are in a row and 5, 6 or 8. */
function shiftOf(mask: number): readonly [shift: number, bits: number] | undefined {
  const shift = mask === 0 ? 0 : Math.log2((mask & -mask) >>> 0);
  const bits = Math.log2((mask >>> shift) + 1);
  return bits === 5 || bits === 6 || bits === 8 ? [shift, bits] : undefined;
}

/** Writes the colour of one pixel. */
type ColourReader = (row: number, x: number, target: Uint8Array, at: number) => void;

function colourReader(
  { bits, masks, palette, paletteStep, pixels, width }: Bitmap,
  indices: Uint8Array | undefined,
  rowBytes: number,
): ColourReader {
  const colour = (index: number, target: Uint8Array, at: number) => {
    for (let c = 0; c < 3; c++) target[at + c] = palette[index * paletteStep + 2 - c] ?? 0;
  };
  if (indices) return (row, x, target, at) => colour(indices[row * width + x]!, target, at);
  if (bits <= 8) {
    const perByte = 8 / bits;
    return (row, x, target, at) => {
      const byte = pixels[row * rowBytes + Math.floor(x / perByte)]!;
      colour(byte >> (8 - bits - (x % perByte) * bits) & (2 ** bits - 1), target, at);
    };
  }
  if (bits === 24) {
    return (row, x, target, at) => {
      for (let c = 0; c < 3; c++) target[at + c] = pixels[row * rowBytes + 3 * x + 2 - c]!;
    };
  }
  const fields = masks.map((mask) => shiftOf(mask)!);
  const view = new DataView(pixels.buffer, pixels.byteOffset, pixels.length);
  return (row, x, target, at) => {
    const from = row * rowBytes + x * bits / 8;
    const value = bits === 16 ? view.getUint16(from, true) : view.getUint32(from, true);
    fields.forEach(([shift, size], c) => {
      const largest = 2 ** size - 1;
      target[at + c] = Math.floor(((value >>> shift) & largest) * 255 / largest);
    });
  };
}

/** Indices of run-length encoded pixels, row by row as stored; what is not set is 0. */
function runLengths({ width, height, bits, pixels }: Bitmap): Uint8Array | undefined {
  const indices = new Uint8Array(width * height);
  let x = 0, row = 0;
  const put = (index: number) => {
    if (x < width && row < height) indices[row * width + x] = index;
    x++;
  };
  const nibble = (byte: number, i: number) => i % 2 === 0 ? byte >> 4 : byte & 15;
  for (let at = 0; row < height;) {
    if (at + 1 >= pixels.length) return row === height - 1 && x >= width ? indices : undefined;
    const count = pixels[at]!, value = pixels[at + 1]!;
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? value : nibble(value, i));
    } else if (value === 0) {
      x = 0;
      row++;
    } else if (value === 1) return indices;
    else if (value === 2) {
      x += pixels[at] ?? 0;
      row += pixels[at + 1] ?? 0;
      at += 2;
    } else {
      const size = Math.ceil(value * bits / 8);
      if (at + size > pixels.length) return undefined;
      for (let i = 0; i < value; i++) put(bits === 8 ? pixels[at + i]! : nibble(pixels[at + (i >> 1)]!, i));
      at += size + size % 2;
    }
  }
  return indices;
}
