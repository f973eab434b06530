/**
 * What the first bytes of an image file say, and whether so small a file can hold so large an image: decoders allocate
 * what a header asks for, so headers are judged first.
 *
 * Sources: ITU-T T.81 (JPEG) annex B; W3C PNG specification, third edition, sections 5 and 11.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";
import { bmpSize } from "./bmp.ts";
import { describeContent } from "./content.ts";
import { gifSize } from "./gif.ts";
import { pnmHeader } from "./pnm.ts";
import { tiffSize } from "./tiff.ts";
import { webpSize } from "./webp.ts";

/** Size and kind of an image. */
export interface ImageHeader {
  readonly format: "jpeg" | "png" | "webp" | "bmp" | "gif" | "tiff" | "pnm";
  readonly width: number;
  readonly height: number;
  /** 1 where the file can hold nothing but gray. */
  readonly channels: 1 | 3;
}

/** No photograph of a data set is larger. */
const MAX_PIXELS = 2 ** 26;
/** Larger images must have a byte for so many pixels: even blank ones do, nearly. */
const FREE_PIXELS = 2 ** 20;
const MAX_PIXELS_PER_BYTE = 512;
/** Scans of a progressive JPEG: encoders write about 10, and each costs a pass over all pixels. */
const MAX_SCANS = 100;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Reads the header of an image.
 *
 * @param source Name of the image, for messages
 * @throws {InputError} If it is of an unknown format, cut off, or asks for an absurd size
 */
export function readImageHeader(source: string, bytes: Uint8Array): ImageHeader {
  const header = headerOf(bytes);
  if (!header) {
    throw new InputError(
      `Cannot decode ${source}: found ${
        describeContent(bytes)
      }, wanted a JPEG, PNG, WebP, BMP, GIF, TIFF or PNM file`,
    );
  }
  const { width, height } = header;
  const pixels = width * height;
  const limit = Math.min(MAX_PIXELS, Math.max(FREE_PIXELS, bytes.length * MAX_PIXELS_PER_BYTE));
  if (pixels === 0 || pixels > limit) {
    throw new InputError(
      `Cannot decode ${source}: found an image of ${width}x${height} in ${bytes.length} bytes, ` +
        `wanted 1 to ${limit} pixels`,
    );
  }
  return header;
}

function headerOf(bytes: Uint8Array): ImageHeader | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(bytes);
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return pngHeader(bytes);
  const webp = webpSize(bytes);
  if (webp) return { format: "webp", ...webp, channels: 3 };
  const gif = gifSize(bytes);
  if (gif) return { format: "gif", ...gif, channels: 3 };
  const bmp = bmpSize(bytes);
  if (bmp) return { format: "bmp", ...bmp, channels: 3 };
  const tiff = tiffSize(bytes);
  if (tiff) return { format: "tiff", ...tiff };
  const pnm = pnmHeader(bytes);
  return pnm && { format: "pnm", width: pnm.width, height: pnm.height, channels: pnm.channels };
}

function pngHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (bytes.length < 33) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(8) !== 13 || view.getUint32(12) !== 0x49484452) return undefined;
  const colour = bytes[25]!;
  return {
    format: "png",
    width: view.getUint32(16),
    height: view.getUint32(20),
    channels: colour === 0 || colour === 4 ? 1 : 3,
  };
}

/**
 * Walks the segments up to the frame header (SOF), then counts scans. Stray bytes between segments are passed over, as
 * libjpeg does.
 */
function jpegHeader(bytes: Uint8Array): ImageHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 2;
  while (at + 9 < bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0) {
      at++;
      continue;
    }
    // SOF0 to SOF15, without DHT (C4), JPG (C8) and DAC (CC), which share the range.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (countScans(bytes, at) > MAX_SCANS) return undefined;
      return {
        format: "jpeg",
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        channels: bytes[at + 9] === 1 ? 1 : 3,
      };
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** Scans begin with FF DA, which inside coded data cannot occur. */
function countScans(bytes: Uint8Array, from: number): number {
  let scans = 0;
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xda) scans++;
  }
  return scans;
}
