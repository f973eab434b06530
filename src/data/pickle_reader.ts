/**
 * The scalar values of a pickle: numbers, texts and bytes, in all the ways that protocols have written them.
 *
 * Source: Python's library reference, `pickletools`.
 *
 * @module
 */
import { type PickledScalar, PickleError } from "./pickle_values.ts";

/** Reads a pickle front to back. Bytes are views of it, so that what is read takes no more memory than the file. */
export class PickleReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A number or text. */
  scalar(code: number): PickledScalar {
    switch (code >= 0x80 ? code : String.fromCharCode(code)) {
      case "J":
        return new DataView(this.take(4).slice().buffer).getInt32(0, true);
      case "K":
        return this.number(1);
      case "M":
        return this.number(2);
      case "I": {
        const line = this.line();
        return line === "01" ? true : line === "00" ? false : this.integer(line);
      }
      case "L":
        return this.integer(this.line().replace(/L$/, ""));
      case 0x8a:
        return this.long(this.number(1));
      case 0x8b:
        return this.long(this.number(4));
      case "G":
        return new DataView(this.take(8).slice().buffer).getFloat64(0);
      case "F":
        return Number(this.line());
      case "U":
      case "C":
        return this.take(this.number(1));
      case "T":
      case "B":
        return this.take(this.number(4));
      case 0x8e:
      case 0x96:
        return this.take(this.number(8));
      case "S": {
        const [, text] = /^(?:'([^'\\]*)'|"[^"\\]*")$/.exec(this.line()) ?? [];
        if (text === undefined) throw new PickleError("a text with escapes");
        return new TextEncoder().encode(text);
      }
      case "X":
        return this.text(this.number(4));
      case 0x8c:
        return this.text(this.number(1));
      case 0x8d:
        return this.text(this.number(8));
      case "V":
        return this.line();
    }
    throw new PickleError(`instruction 0x${code.toString(16).padStart(2, "0")} at byte ${this.#at - 1}`);
  }

  take(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw new PickleError("a cut-off value");
    return this.#bytes.subarray(this.#at, this.#at += count);
  }

  /** A little-endian number. */
  number(size: number): number {
    return this.take(size).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  /** A little-endian number in two's complement. */
  long(size: number): number {
    const bytes = this.take(size);
    const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
    const signed = (bytes.at(-1) ?? 0) >= 128 ? value - 256 ** size : value;
    if (!Number.isSafeInteger(signed)) throw new PickleError("a number too large");
    return signed;
  }

  integer(text: string): number {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value)) throw new PickleError("a number that is none");
    return value;
  }

  text(size: number): string {
    return new TextDecoder().decode(this.take(size));
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw new PickleError("a cut-off value");
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }
}
