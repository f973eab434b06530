/**
 * One header of a tar archive: v7, ustar, GNU and PAX, as far as names, sizes and links go. Times and owners are not
 * looked at, because libraries refuse sound archives for them (times before 1970).
 *
 * Source: POSIX.1-2017, pax, "pax Interchange Format" and "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
 *
 * @module
 */

/** Bytes of a header and what bodies are padded to. */
export const BLOCK = 512;

/** What an entry is. `long name` and `long link` hold the name or link of the next entry. */
export type TarType =
  | "file"
  | "link"
  | "symlink"
  | "directory"
  | "device"
  | "sparse"
  | "label"
  | "pax"
  | "global pax"
  | "long name"
  | "long link"
  | "unknown";

/** What a header says. */
export interface TarHeader {
  readonly name: string;
  readonly linkname: string;
  /** Bytes of the body. */
  readonly size: number;
  readonly type: TarType;
}

const TYPES: Readonly<Record<string, TarType>> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  "1": "link",
  "2": "symlink",
  "3": "device",
  "4": "device",
  "5": "directory",
  "6": "device",
  "D": "directory",
  "S": "sparse",
  "M": "sparse",
  "V": "label",
  "x": "pax",
  "X": "pax",
  "g": "global pax",
  "L": "long name",
  "K": "long link",
};

/** Whether a block begins a tar archive, by its checksum; before 1988 there was no other mark. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK) return false;
  const written = octal(block, 148, 8);
  let unsigned = 0, signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 32 : block[i]!;
    unsigned += byte;
    signed += byte << 24 >> 24;
  }
  return written === unsigned || written === signed;
}

/**
 * Reads a header whose checksum is right.
 *
 * @throws {Error} If its size is no number
 */
export function parseTarHeader(block: Uint8Array): TarHeader {
  const name = text(block, 0, 100), prefix = isPosix(block) ? text(block, 345, 155) : "";
  const type = TYPES[String.fromCharCode(block[156]!)] ?? "unknown";
  const isBodyless = type === "link" || type === "symlink" || type === "device" || type === "label";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkname: text(block, 157, 100),
    size: isBodyless ? 0 : number(block, 124, 12),
    type,
  };
}

/**
 * The records `length key=value` of a PAX header.
 *
 * @throws {Error} If a record is not whole
 */
export function parsePax(body: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const space = body.indexOf(32, at);
    const length = Number(decode(body.subarray(at, Math.max(at, space))));
    const record = decode(body.subarray(space + 1, at + length));
    const equals = record.indexOf("=");
    if (
      space < 0 || !Number.isInteger(length) || at + length > body.length || equals < 0 ||
      !record.endsWith("\n")
    ) throw new Error("its PAX header is not whole");
    records.set(record.slice(0, equals), record.slice(equals + 1, -1));
    at += length;
  }
  return records;
}

/** Text up to the first zero byte. */
export function text(block: Uint8Array, from: number, length: number): string {
  const field = block.subarray(from, from + length);
  const end = field.indexOf(0);
  return decode(end < 0 ? field : field.subarray(0, end));
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The mark of ustar; GNU's has a space in place of the zero and no prefix. */
function isPosix(block: Uint8Array): boolean {
  return String.fromCharCode(...block.subarray(257, 263)) === "ustar\0";
}

function octal(block: Uint8Array, from: number, length: number): number | undefined {
  const digits = /^[\0 ]*([0-7]*)[\0 ]*$/.exec(String.fromCharCode(...block.subarray(from, from + length)))
    ?.[1];
  return digits === undefined ? undefined : digits === "" ? 0 : parseInt(digits, 8);
}

/** An octal number, or one of base 256 if its first byte has the upper bit. */
function number(block: Uint8Array, from: number, length: number): number {
  let value = octal(block, from, length);
  if (block[from]! === 0x80) {
    value = block.subarray(from + 1, from + length).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  if (value === undefined || !Number.isSafeInteger(value)) throw new Error("a size in it is no number");
  return value;
}
