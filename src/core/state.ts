/**
 * Plain state as bytes and back: what a method keeps between tasks, and what a killed run resumes from. A state is
 * JSON in which typed arrays may stand anywhere; equal states give equal bytes.
 *
 * Layout: a 4-byte little-endian header length, the header (canonical JSON in which array i is `{"$f32":[i,length]}`,
 * or `$f64`, `$i32`, `$u8`), then the arrays' values in that order, in the byte order of the machine.
 *
 * @module
 */
import { InputError } from "./errors.ts";
import { canonicalJson } from "./json.ts";

/** Arrays that keep their width. */
export type StateArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A serialisable value. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | StateArray
  | readonly StateValue[]
  | { readonly [key: string]: StateValue };

const kinds = {
  $f32: Float32Array,
  $f64: Float64Array,
  $i32: Int32Array,
  $u8: Uint8Array,
} as const;
type Mark = keyof typeof kinds;

function markOf(value: StateArray): Mark {
  const found = (Object.keys(kinds) as Mark[]).find((mark) => value instanceof kinds[mark]);
  if (!found) throw new TypeError(`Cannot serialise state: found a ${Object.prototype.toString.call(value)}`);
  return found;
}

function isMark(key: string): key is Mark {
  return Object.hasOwn(kinds, key);
}

/** Splits a state into its header and its arrays. */
function split(state: StateValue): { readonly header: Uint8Array; readonly arrays: readonly StateArray[] } {
  const arrays: StateArray[] = [];
  const strip = (value: StateValue): unknown => {
    if (ArrayBuffer.isView(value)) return { [markOf(value)]: [arrays.push(value) - 1, value.length] };
    if (Array.isArray(value)) return value.map(strip);
    if (value !== null && typeof value === "object") {
      const taken = Object.keys(value).find(isMark);
      if (taken) throw new TypeError(`Cannot serialise state: the key ${taken} is taken`);
      // Sorted, so that the order of the arrays follows from the meaning alone; and in the order of an object, which
      // puts keys like "10" first, because that is how the header will be read.
      const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
      return Object.fromEntries(Object.entries(sorted).map(([key, item]) => [key, strip(item)]));
    }
    return value;
  };
  return { header: new TextEncoder().encode(canonicalJson(strip(state))), arrays };
}

function lengthOf({ header, arrays }: ReturnType<typeof split>): number {
  return 4 + header.length + arrays.reduce((total, { byteLength }) => total + byteLength, 0);
}

/** Bytes that `encodeState` would give, without making them. */
export function stateSize(state: StateValue): number {
  return lengthOf(split(state));
}

/**
 * Serialises a state.
 *
 * @throws {TypeError} If it holds a number that is not finite outside an array, or a key like `$f32`
 */
export function encodeState(state: StateValue): Uint8Array {
  const parts = split(state);
  const { header, arrays } = parts;
  const bytes = new Uint8Array(lengthOf(parts));
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  let offset = 4 + header.length;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += array.byteLength;
  }
  return bytes;
}

/**
 * Reads a state back.
 *
 * @throws {InputError} If the bytes are not a whole state
 */
export function decodeState(bytes: Uint8Array): StateValue {
  const damaged = (found: string) => new InputError(`Cannot read state: ${found}, wanted a whole state file`);
  if (bytes.length < 4) throw damaged(`found ${bytes.length} bytes`);
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (headerLength > bytes.length - 4) throw damaged("the header is cut off");
  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(4, 4 + headerLength)),
    );
  } catch {
    throw damaged("the header is not JSON");
  }
  let offset = 4 + headerLength;
  let count = 0;
  const restore = (value: unknown): StateValue => {
    if (Array.isArray(value)) return value.map(restore);
    if (value === null || typeof value !== "object") return value as StateValue;
    const [mark] = Object.keys(value).filter(isMark);
    if (mark === undefined) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item)]));
    }
    const place = (value as Record<string, unknown>)[mark];
    const [index, length] = Array.isArray(place) ? place : [];
    if (index !== count++) throw damaged(`found array ${index} in place ${count - 1}`);
    const end = offset + kinds[mark].BYTES_PER_ELEMENT * length;
    if (!Number.isInteger(length) || length < 0 || !(end <= bytes.length)) {
      throw damaged("an array is cut off");
    }
    // A copy, so that it is aligned.
    const array = new kinds[mark](bytes.slice(offset, end).buffer);
    offset = end;
    return array;
  };
  const state = restore(header);
  if (offset !== bytes.length) throw damaged(`found ${bytes.length - offset} bytes too many`);
  return state;
}
