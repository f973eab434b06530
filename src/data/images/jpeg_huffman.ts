/**
 * Huffman codes of JPEG, read and written bit by bit.
 *
 * Source: ITU-T T.81, annexes C and F.
 *
 * @module
 */

/** Bytes that grow. */
export class BitWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #held = 0;
  #count = 0;

  /** Appends the lowest `count` bits, up to 24. */
  put(value: number, count: number): void {
    this.#held = (this.#held << count | value & ((1 << count) - 1)) & 0x7fffffff;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#push(this.#held >>> this.#count & 0xff);
    }
    this.#held &= (1 << this.#count) - 1;
  }

  /** Everything so far, the last byte filled up with ones. */
  finish(): Uint8Array {
    if (this.#count > 0) this.put(0xff, 8 - this.#count);
    return this.#bytes.subarray(0, this.#length);
  }

  /** A byte of ones is followed by a zero, so that it is no marker. */
  #push(byte: number): void {
    if (this.#length + 2 > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
    if (byte === 0xff) this.#bytes[this.#length++] = 0;
  }
}

/** Reads the coded data of a scan, with its restart intervals one after another. */
export class BitReader {
  readonly #bytes: Uint8Array;
  /** Where the restart intervals begin. */
  readonly #intervals: readonly number[];
  #interval = 0;
  /** Position in bits. */
  at = 0;

  constructor(coded: Uint8Array) {
    const bytes = new Uint8Array(coded.length), intervals: number[] = [0];
    let length = 0;
    for (let i = 0; i < coded.length; i++) {
      if (coded[i] !== 0xff) bytes[length++] = coded[i]!;
      else if (coded[++i] === 0) bytes[length++] = 0xff;
      else intervals.push(length);
    }
    this.#bytes = bytes.subarray(0, length);
    this.#intervals = intervals;
  }

  /**
   * The next `count` bits, up to 24.
   *
   * @throws {RangeError} If the data ends
   */
  take(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value << 1 | this.bit();
    return value;
  }

  /** The next bit. */
  bit(): number {
    const byte = this.#bytes[this.at >>> 3];
    if (byte === undefined) throw new RangeError("its coded data is cut off");
    return byte >>> (7 - (this.at++ & 7)) & 1;
  }

  /** Goes to the next restart interval. */
  restart(): void {
    const next = this.#intervals[++this.#interval];
    if (next === undefined) throw new RangeError("a restart interval is missing");
    this.at = 8 * next;
  }

  /** Copies bits from a place. */
  copy(from: number, to: number, writer: BitWriter): void {
    const now = this.at;
    this.at = from;
    while (this.at < to) {
      const count = Math.min(16, to - this.at);
      writer.put(this.take(count), count);
    }
    this.at = now;
  }
}

/** A table of codes as a DHT segment holds it: 16 counts, then the symbols. */
export class HuffmanTable {
  readonly #firstCode: number[] = [];
  readonly #firstIndex: number[] = [];
  readonly #counts: Uint8Array;
  readonly #symbols: Uint8Array;

  constructor(readonly content: Uint8Array) {
    this.#counts = content.subarray(0, 16);
    this.#symbols = content.subarray(16);
    let code = 0, index = 0;
    for (const count of this.#counts) {
      this.#firstCode.push(code);
      this.#firstIndex.push(index);
      code = (code + count) << 1;
      index += count;
    }
  }

  /**
   * Reads a symbol.
   *
   * @throws {RangeError} If no code fits
   */
  read(reader: BitReader): number {
    let code = 0;
    for (let length = 0; length < 16; length++) {
      code = code << 1 | reader.bit();
      const offset = code - this.#firstCode[length]!;
      if (offset >= 0 && offset < this.#counts[length]!) {
        return this.#symbols[this.#firstIndex[length]! + offset]!;
      }
    }
    throw new RangeError("a code in it is none");
  }

  /** Writes a symbol that the table has. */
  write(symbol: number, writer: BitWriter): void {
    const index = this.#symbols.indexOf(symbol);
    const length = this.#firstIndex.findLastIndex((first, i) => first <= index && this.#counts[i]! > 0);
    writer.put(this.#firstCode[length]! + index - this.#firstIndex[length]!, length + 1);
  }
}

/**
 * Reads the first coefficient of a block, stored as a difference.
 *
 * @throws {RangeError} If it is larger than 8-bit samples allow
 */
export function readDifference(reader: BitReader, table: HuffmanTable): number {
  const category = table.read(reader);
  if (category > 11) throw new RangeError("a difference in it is too large");
  const bits = reader.take(category);
  return category > 0 && bits < 2 ** (category - 1) ? bits - 2 ** category + 1 : bits;
}

/** Writes such a difference. */
export function writeDifference(value: number, writer: BitWriter, table: HuffmanTable): void {
  const category = value === 0 ? 0 : Math.floor(Math.log2(Math.abs(value))) + 1;
  if (category > 11) throw new RangeError("a difference in it is too large");
  table.write(category, writer);
  writer.put(value < 0 ? value + 2 ** category - 1 : value, category);
}

/** Passes over the coefficients of a block of a sequential scan but the first. */
export function skipCoefficients(reader: BitReader, table: HuffmanTable): void {
  for (let k = 1; k < 64; k++) {
    const symbol = table.read(reader);
    const run = symbol >> 4, bits = symbol & 15;
    if (bits === 0 && run !== 15) return;
    k += run;
    if (bits > 0) reader.take(bits);
  }
}
