/**
 * Decoding the portable anymaps of Netpbm: PBM, PGM and PPM, plain and raw (P1 to P6). Values are scaled to 255 as Pillow
 * does.
 *
 * Source: Netpbm manual, pbm(5), pgm(5), ppm(5).
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import type { RgbaImage } from "./rgba_image.ts";

/** What the header says. */
export interface PnmHeader {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** 1 to 6. */
  readonly kind: number;
  readonly largest: number;
  /** Where the pixels begin. */
  readonly start: number;
}

const MAX_HEADER_BYTES = 4096;

/** Reads the header; `undefined` if it is none. */
export function pnmHeader(bytes: Uint8Array): PnmHeader | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, MAX_HEADER_BYTES));
  const space = String.raw`(?:\s|#[^\n\r]*[\n\r])+`;
  const numbers = /^P[14]/.test(text) ? 2 : 3;
  const pattern = new RegExp(`^P([1-6])${`${space}(\\d{1,9})`.repeat(numbers)}(?:\\s|(?=#))`);
  const found = pattern.exec(text);
  if (!found) return undefined;
  const [whole, kind, width, height, largest = "1"] = found;
  if (Number(largest) < 1 || Number(largest) > 65535) return undefined;
  return {
    width: Number(width),
    height: Number(height),
    channels: kind === "3" || kind === "6" ? 3 : 1,
    kind: Number(kind),
    largest: Number(largest),
    start: whole.length,
  };
}

/**
 * Decodes a file whose size was judged.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If pixels are missing or larger than the header says
 */
export function decodePnm(source: string, bytes: Uint8Array): RgbaImage {
  const header = pnmHeader(bytes)!;
  const { width, height, channels, largest } = header;
  const count = width * height * channels;
  const samples = header.kind <= 3 ? plainSamples(header, bytes, count) : rawSamples(header, bytes, count);
  const data = new Uint8Array(4 * width * height).fill(255);
  const damaged = (found: string) =>
    new InputError(`Cannot decode ${source}: found ${found}, wanted ${count} values of a whole PNM file`);
  if (!samples) throw damaged("too few pixels");
  for (let p = 0; p < width * height; p++) {
    for (let c = 0; c < 3; c++) {
      const value = samples(p * channels + (channels === 3 ? c : 0));
      if (!(value <= largest)) throw damaged(`a value that is not from 0 to ${largest}`);
      data[4 * p + c] = roundHalfEven(value / largest * 255);
    }
  }
  return { width, height, data };
}

/** Gives the sample at a place. */
type Samples = (index: number) => number;

function rawSamples(
  { kind, width, largest, start }: PnmHeader,
  bytes: Uint8Array,
  count: number,
): Samples | undefined {
  const body = bytes.subarray(start);
  if (kind === 4) {
    const rowBytes = Math.ceil(width / 8);
    if (body.length < rowBytes * (count / width)) return undefined;
    return (i) => {
      const x = i % width;
      return 1 - (body[Math.floor(i / width) * rowBytes + (x >> 3)]! >> (7 - x % 8) & 1);
    };
  }
  if (largest < 256) return body.length < count ? undefined : (i) => body[i]!;
  return body.length < 2 * count ? undefined : (i) => 256 * body[2 * i]! + body[2 * i + 1]!;
}

function plainSamples({ kind, start }: PnmHeader, bytes: Uint8Array, count: number): Samples | undefined {
  // Every value has at least one digit, so a short text cannot claim many.
  if (bytes.length - start < count) return undefined;
  const text = new TextDecoder().decode(bytes.subarray(start)).replace(/#[^\n\r]*/g, " ");
  const values = kind === 1 ? text.match(/[01]/g) ?? [] : text.trim().split(/\s+/, count);
  if (values.length < count) return undefined;
  return (i) => kind === 1 ? 1 - Number(values[i]) : /^\d{1,5}$/.test(values[i]!) ? Number(values[i]) : NaN;
}

/** Rounds as Python does. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
