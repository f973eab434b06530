/**
 * Decoding the first image of a baseline TIFF file: strips of gray, colour or palette pixels of 1, 4, 8 or 16 bits, plain
 * or packed by LZW, deflate or PackBits. Other kinds are refused by name. Decoded here because the libraries at hand unpack
 * without a bound and pass over planes, tiles and orientations.
 *
 * Source: Adobe, TIFF Revision 6.0, parts 1 and 2 (sections 3 to 9, 13, 14); Technical Note 2 for deflate.
 *
 * @module
 */
import { inflateSync } from "node:zlib";
import { InputError } from "../../core/errors.ts";
import type { RgbaImage } from "./rgba_image.ts";
import { unpackBits, unpackTiffLzw } from "./tiff_unpack.ts";

/** Numbers of the tags that are read. */
const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  offsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  byteCounts: 279,
  planar: 284,
  predictor: 317,
  colours: 320,
  tileWidth: 322,
  extra: 338,
  format: 339,
} as const;
/** Bytes of a value of each type that sizes and offsets may have: byte, short, long. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };
const MAX_TAGS = 512;

/** Values of tags; those of other types are left out. */
type Tags = ReadonlyMap<number, readonly number[]>;

/** Width, height and kind of a TIFF file; `undefined` if it is none. */
export function tiffSize(
  bytes: Uint8Array,
): { readonly width: number; readonly height: number; readonly channels: 1 | 3 } | undefined {
  const tags = readTags(bytes);
  const width = tags?.get(TAG.width)?.[0], height = tags?.get(TAG.height)?.[0];
  if (!tags || width === undefined || height === undefined) return undefined;
  return { width, height, channels: (tags.get(TAG.photometric)?.[0] ?? 1) <= 1 ? 1 : 3 };
}

/** The byte order, `undefined` if the file is no TIFF. */
function orderOf(bytes: Uint8Array): "little" | "big" | undefined {
  const mark = String.fromCharCode(...bytes.subarray(0, 4));
  return mark === "II*\0" ? "little" : mark === "MM\0*" ? "big" : undefined;
}

function readTags(bytes: Uint8Array): Tags | undefined {
  const order = orderOf(bytes);
  if (!order || bytes.length < 8) return undefined;
  const little = order === "little";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = view.getUint32(4, little);
  if (start + 2 > bytes.length) return undefined;
  const count = view.getUint16(start, little);
  if (count > MAX_TAGS || start + 2 + 12 * count > bytes.length) return undefined;
  const tags = new Map<number, readonly number[]>();
  for (let i = 0; i < count; i++) {
    const at = start + 2 + 12 * i;
    const size = TYPE_BYTES[view.getUint16(at + 2, little)];
    const values = view.getUint32(at + 4, little);
    if (size === undefined) continue;
    const from = size * values > 4 ? view.getUint32(at + 8, little) : at + 8;
    if (from + size * values > bytes.length) return undefined;
    const read = (index: number) => {
      const place = from + size * index;
      return size === 1
        ? bytes[place]!
        : size === 2
        ? view.getUint16(place, little)
        : view.getUint32(place, little);
    };
    if (Object.values<number>(TAG).includes(view.getUint16(at, little))) {
      tags.set(view.getUint16(at, little), Array.from({ length: values }, (_, index) => read(index)));
    }
  }
  return tags;
}

/**
 * Decodes a file whose size was judged.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If it is damaged or of a kind that is not read
 */
export function decodeTiff(source: string, bytes: Uint8Array): RgbaImage {
  const tags = readTags(bytes)!;
  const one = (tag: number, fallback: number) => tags.get(tag)?.[0] ?? fallback;
  const width = one(TAG.width, 0), height = one(TAG.height, 0), samples = one(TAG.samples, 1);
  const bits = one(TAG.bits, 1),
    photometric = one(TAG.photometric, -1),
    compression = one(TAG.compression, 1);
  const refuse = (found: string, wanted: string): never => {
    throw new InputError(`Cannot decode ${source}: found ${found}, wanted ${wanted}`);
  };
  const extra = samples - (photometric === 2 ? 3 : 1);
  const isKnown = [0, 1, 2, 3].includes(photometric) &&
    (tags.get(TAG.bits) ?? [1]).every((other) => other === bits) &&
    [1, 4, 8, 16].includes(bits) && (bits >= 8 || samples === 1) && extra >= 0 && extra <= 1 &&
    !(photometric === 3 && bits > 8) && one(TAG.extra, 2) !== 1 && one(TAG.format, 1) === 1;
  if (!isKnown) {
    refuse(
      `a TIFF file of ${samples} samples of ${bits} bits and photometric interpretation ${photometric}`,
      "gray, RGB or palette pixels of whole numbers",
    );
  }
  if (tags.has(TAG.tileWidth)) refuse("a TIFF file of tiles", "strips");
  if (samples > 1 && one(TAG.planar, 1) !== 1) refuse("a TIFF file of separate planes", "pixels in a row");
  if (one(TAG.orientation, 1) !== 1) refuse(`a TIFF file of orientation ${one(TAG.orientation, 1)}`, "1");
  const predictor = one(TAG.predictor, 1);
  if (predictor !== 1 && !(predictor === 2 && bits >= 8)) refuse(`TIFF predictor ${predictor}`, "1 or 2");
  const rowBytes = Math.ceil(width * samples * bits / 8);
  const rows = joinStrips(bytes, tags, rowBytes, height, (packed, size) => {
    switch (compression) {
      case 1:
        return packed;
      case 5:
        return unpackTiffLzw(packed, size);
      case 8:
      case 32946:
        return inflate(packed, size);
      case 32773:
        return unpackBits(packed, size);
    }
    return refuse(`a TIFF file of compression ${compression}`, "1, 5 (LZW), 8 (deflate) or 32773 (PackBits)");
  });
  if (!rows) throw new InputError(`Cannot decode ${source}: found damage, wanted a whole TIFF file`);
  const isLittle = orderOf(bytes) === "little";
  const values = sampleReader(rows, { bits, samples, rowBytes, width, predictor, isLittle });
  return { width, height, data: colour(values, tags, { width, height, samples, bits, photometric }) };
}

function inflate(packed: Uint8Array, size: number): Uint8Array | undefined {
  try {
    return inflateSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch {
    return undefined;
  }
}

/** All rows in one piece. */
function joinStrips(
  bytes: Uint8Array,
  tags: Tags,
  rowBytes: number,
  height: number,
  unpack: (packed: Uint8Array, size: number) => Uint8Array | undefined,
): Uint8Array | undefined {
  const offsets = tags.get(TAG.offsets) ?? [], counts = tags.get(TAG.byteCounts) ?? [];
  const perStrip = Math.min(height, tags.get(TAG.rowsPerStrip)?.[0] ?? height);
  if (perStrip < 1 || offsets.length < Math.ceil(height / perStrip) || counts.length < offsets.length) {
    return undefined;
  }
  const rows = new Uint8Array(rowBytes * height);
  for (let strip = 0, row = 0; row < height; strip++, row += perStrip) {
    const size = rowBytes * Math.min(perStrip, height - row);
    const from = offsets[strip]!, to = from + counts[strip]!;
    const unpacked = to > bytes.length ? undefined : unpack(bytes.subarray(from, to), size);
    if (!unpacked || unpacked.length < size) return undefined;
    rows.set(unpacked.subarray(0, size), rowBytes * row);
  }
  return rows;
}

/** Sample `c` of the pixel at `x` of a row. */
type SampleReader = (row: number, x: number, c: number) => number;

function sampleReader(
  rows: Uint8Array,
  { bits, samples, rowBytes, width, predictor, isLittle }: {
    readonly bits: number;
    readonly samples: number;
    readonly rowBytes: number;
    readonly width: number;
    readonly predictor: number;
    readonly isLittle: boolean;
  },
): SampleReader {
  if (bits < 8) {
    return (row, x) => rows[row * rowBytes + (x * bits >> 3)]! >> (8 - bits - x * bits % 8) & (2 ** bits - 1);
  }
  const perRow = width * samples;
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const values = bits === 8
    ? rows
    : Uint16Array.from({ length: rows.length / 2 }, (_, i) => view.getUint16(2 * i, isLittle));
  if (predictor === 2) {
    // Differences to the pixel on the left, modulo the size of the type.
    for (let i = 0; i < values.length; i++) if (i % perRow >= samples) values[i]! += values[i - samples]!;
  }
  return (row, x, c) => values[row * perRow + x * samples + c]!;
}

function colour(
  sample: SampleReader,
  tags: Tags,
  { width, height, bits, photometric }: {
    readonly width: number;
    readonly height: number;
    readonly samples: number;
    readonly bits: number;
    readonly photometric: number;
  },
): Uint8Array {
  const data = new Uint8Array(4 * width * height).fill(255);
  const map = tags.get(TAG.colours) ?? [], mapSize = map.length / 3;
  const scaled = (value: number) => bits === 16 ? value >> 8 : value * 255 / (2 ** bits - 1);
  for (let row = 0, at = 0; row < height; row++) {
    for (let x = 0; x < width; x++, at += 4) {
      for (let c = 0; c < 3; c++) {
        const value = sample(row, x, photometric === 2 ? c : 0);
        data[at + c] = photometric === 3
          ? (map[c * mapSize + value] ?? 0) >> 8
          : photometric === 0
          ? 255 - scaled(value)
          : scaled(value);
      }
    }
  }
  return data;
}
