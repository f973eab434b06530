// deno-lint-ignore-file no-control-regex -- the first bytes of files are what is matched
/**
 * What a file is that is not what its name says, in a few words: a user who is told "a Git LFS pointer" knows what to do.
 *
 * @module
 */

import { InputError } from "../../core/errors.ts";

/** Beginnings of files, and what they are. */
const BEGINNINGS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^version .*git-lfs/, "a Git LFS pointer (git lfs pull fetches the file itself)"],
  [/^\s*<(!doctype html|html|head|body)/i, "an HTML page (a download that was answered by a web page)"],
  [/^\s*<\?xml|^\s*<svg/i, "an SVG or XML file"],
  [/^\s*[{[]/, "JSON text"],
  [/^....ftyp(avif|avis)/s, "an AVIF image"],
  [/^....ftyp(heic|heix|mif1|msf1|hevc)/s, "a HEIC image"],
  [/^....ftyp/s, "a video or image of the MP4 family"],
  [/^\0\0\0\x0cjP {2}|^\xff\x4f\xff\x51/, "a JPEG 2000 image"],
  [/^\xff\x0a|^\0\0\0\x0cJXL /, "a JPEG XL image"],
  [/^\0\0[\x01\x02]\0/, "an icon"],
  [/^8BPS/, "a Photoshop file"],
  [/^%PDF/, "a PDF file"],
  [/^PK\x03\x04/, "a zip archive"],
  [/^\x1f\x8b/, "gzip data"],
  [/^PAR1/, "a Parquet file"],
  [/^\xff\xd8/, "a cut-off or damaged JPEG file"],
  [/^\x89PNG/, "a cut-off or damaged PNG file"],
  [/^RIFF....WEBP/s, "a cut-off or damaged WebP file"],
  [/^GIF8/, "a cut-off or damaged GIF file"],
  [/^BM/, "a cut-off or damaged BMP file"],
  [/^II\*\0|^MM\0\*/, "a cut-off or damaged TIFF file"],
];

const HEAD = 512;
/** How many of the first beginnings are stand-ins. */
const STAND_INS = 2;

/** What the bytes are, as far as their beginning tells. */
export function describeContent(bytes: Uint8Array): string {
  if (bytes.length === 0) return "an empty file";
  const head = bytes.subarray(0, HEAD);
  if (head.every((byte) => byte === 0)) return "zeros";
  const text = String.fromCharCode(...head);
  const known = BEGINNINGS.find(([pattern]) => pattern.test(text));
  return known ? known[1] : "no whole image header";
}

/**
 * Refuses a file that stands in for another: a pointer of Git LFS, or the web page that answered a download.
 *
 * @param source Name of the file, for messages
 * @throws {InputError} If it is one
 */
export function refuseStandIn(source: string, bytes: Uint8Array): void {
  const text = String.fromCharCode(...bytes.subarray(0, HEAD));
  const found = BEGINNINGS.slice(0, STAND_INS).find(([pattern]) => pattern.test(text));
  if (found) throw new InputError(`Cannot read ${source}: found ${found[1]}, wanted the file itself`);
}
