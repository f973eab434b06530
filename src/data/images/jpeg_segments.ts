/**
 * The segments of a JPEG file and the tables in them.
 *
 * Source: ITU-T T.81, annex B.
 *
 * @module
 */
import { concatBytes } from "../files/bytes.ts";

/** A segment without its mark and length. */
export interface Segment {
  readonly marker: number;
  readonly body: Uint8Array;
  /** What follows a scan header. */
  readonly coded?: Uint8Array;
}

/** Walks the segments up to the end mark; stray bytes between them are passed over. */
export function* segments(bytes: Uint8Array): Generator<Segment> {
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff || marker === 0 || (marker >= 0xd0 && marker <= 0xd7)) {
      at++;
      continue;
    }
    if (marker === 0xd9) return;
    const length = bytes[at + 2]! << 8 | bytes[at + 3]!;
    const body = bytes.subarray(at + 4, at + 2 + length);
    at += 2 + length;
    if (marker !== 0xda) {
      yield { marker, body };
      continue;
    }
    const start = at;
    while (at < bytes.length && !(bytes[at] === 0xff && isMarker(bytes[at + 1]))) at++;
    yield { marker, body, coded: bytes.subarray(start, at) };
  }
}

/** Whether a byte after 0xff ends coded data. */
function isMarker(next: number | undefined): boolean {
  return next !== undefined && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7);
}

/** Whether a marker begins a frame (SOF). */
export function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Number of components of a JPEG file, as its frame header says. */
export function jpegComponents(bytes: Uint8Array): number | undefined {
  for (const { marker, body } of segments(bytes)) if (isFrame(marker)) return body[5];
  return undefined;
}

/** Tables of quantisation by number, as a DQT segment holds them. */
export function readQuantisation(body: Uint8Array, tables: Map<number, Uint8Array>): void {
  for (let at = 0; at < body.length;) {
    const size = 1 + 64 * (body[at]! >> 4 ? 2 : 1);
    const table = body.slice(at, at + size);
    tables.set(table[0]! & 15, table);
    at += size;
  }
}

/** Tables of codes by class (upper half byte) and number. */
export function readHuffman(body: Uint8Array, tables: Map<number, Uint8Array>): void {
  for (let at = 0; at + 17 <= body.length;) {
    const size = 16 + body.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
    tables.set(body[at]!, body.slice(at + 1, at + 1 + size));
    at += 1 + size;
  }
}

/** A whole segment with mark and length. */
export function segment(marker: number, body: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(0xff, marker, (body.length + 2) >> 8, body.length + 2), body]);
}
