/**
 * Walking Thrift's compact protocol without building anything: the reader of Parquet allocates what lists and pages
 * declare, so these are judged first.
 *
 * Source: Apache Thrift, "Thrift Compact protocol encoding".
 *
 * @module
 */

/** A struct: its whole numbers and structs by field. Texts and lists are walked and left out. */
export interface ThriftStruct {
  readonly fields: ReadonlyMap<number, number | ThriftStruct>;
  /** Where it ends. */
  readonly end: number;
}

const MAX_DEPTH = 16;

/**
 * Walks the struct at a place.
 *
 * @throws {RangeError} If it is cut off, nested too deep, or declares more than the bytes can hold
 */
export function walkThrift(bytes: Uint8Array, at: number): ThriftStruct {
  const walker = { bytes, at };
  const fields = struct(walker, 0);
  return { fields, end: walker.at };
}

interface Walker {
  readonly bytes: Uint8Array;
  at: number;
}

function struct(walker: Walker, depth: number): Map<number, number | ThriftStruct> {
  if (depth > MAX_DEPTH) throw new RangeError("it is nested too deep");
  const fields = new Map<number, number | ThriftStruct>();
  for (let id = 0;;) {
    const head = byte(walker);
    if (head === 0) return fields;
    id = head >> 4 === 0 ? zigzag(walker) : id + (head >> 4);
    const value = element(walker, head & 15, depth, true);
    if (value !== undefined) fields.set(id, value);
  }
}

function element(
  walker: Walker,
  type: number,
  depth: number,
  isField: boolean,
): number | ThriftStruct | undefined {
  switch (type) {
    case 1:
    case 2:
      if (!isField) byte(walker);
      return undefined;
    case 3:
      return byte(walker);
    case 4:
    case 5:
    case 6:
      return zigzag(walker);
    case 7:
      return skip(walker, 8);
    case 8:
      return skip(walker, varint(walker));
    case 9:
    case 10: {
      const head = byte(walker);
      const size = head >> 4 === 15 ? varint(walker) : head >> 4;
      // Every element takes a byte at least.
      if (size > walker.bytes.length - walker.at) throw new RangeError("a list is longer than the file");
      for (let i = 0; i < size; i++) element(walker, head & 15, depth + 1, false);
      return undefined;
    }
    case 12: {
      const fields = struct(walker, depth + 1);
      return { fields, end: walker.at };
    }
  }
  throw new RangeError(`a value is of type ${type}`);
}

function byte(walker: Walker): number {
  const value = walker.bytes[walker.at++];
  if (value === undefined) throw new RangeError("it is cut off");
  return value;
}

function skip(walker: Walker, count: number): undefined {
  if (count > walker.bytes.length - walker.at) throw new RangeError("it is cut off");
  walker.at += count;
}

function varint(walker: Walker): number {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const next = byte(walker);
    value += (next & 127) * 2 ** shift;
    if (next < 128) return value;
  }
  throw new RangeError("a number in it is too long");
}

function zigzag(walker: Walker): number {
  const value = varint(walker);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
