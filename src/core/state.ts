/**
 * Plain state as bytes and back: what a method keeps between tasks, and what a killed run resumes from. A state is
 * JSON in which float32 arrays may stand anywhere; equal states give equal bytes.
 *
 * Layout: a 4-byte little-endian header length, the header (canonical JSON in which array i is
 * `{"$f32":[i,length]}`), then the arrays' values in that order.
 *
 * @module
 */
import { InputError } from "./errors.ts";
import { canonicalJson } from "./json.ts";

/** A serialisable value. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | Float32Array
  | readonly StateValue[]
  | { readonly [key: string]: StateValue };

const MARK = "$f32";

/**
 * Serialises a state.
 *
 * @throws {TypeError} If it holds a number that is not finite outside an array, or the key `$f32`
 */
export function encodeState(state: StateValue): Uint8Array {
  const arrays: Float32Array[] = [];
  const strip = (value: StateValue): unknown => {
    if (value instanceof Float32Array) return { [MARK]: [arrays.push(value) - 1, value.length] };
    if (Array.isArray(value)) return value.map(strip);
    if (value !== null && typeof value === "object") {
      if (Object.hasOwn(value, MARK)) throw new TypeError(`Cannot serialise state: the key ${MARK} is taken`);
      // Sorted, so that the order of the arrays follows from the meaning alone; and in the order of an object, which
      // puts keys like "10" first, because that is how the header will be read.
      const sorted = Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
      return Object.fromEntries(Object.entries(sorted).map(([key, item]) => [key, strip(item)]));
    }
    return value;
  };
  const header = new TextEncoder().encode(canonicalJson(strip(state)));
  const start = 4 + header.length;
  const bytes = new Uint8Array(start + arrays.reduce((total, { byteLength }) => total + byteLength, 0));
  new DataView(bytes.buffer).setUint32(0, header.length, true);
  bytes.set(header, 4);
  let offset = start;
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
    const mark = (value as Record<string, unknown>)[MARK];
    if (mark === undefined) {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item)]));
    }
    const [index, length] = Array.isArray(mark) ? mark : [];
    if (index !== count++) throw damaged(`found array ${index} in place ${count - 1}`);
    if (!Number.isInteger(length) || length < 0 || offset + 4 * length > bytes.length) {
      throw damaged("an array is cut off");
    }
    const array = new Float32Array(bytes.slice(offset, offset + 4 * length).buffer);
    offset += array.byteLength;
    return array;
  };
  const state = restore(header);
  if (offset !== bytes.length) throw damaged(`found ${bytes.length - offset} bytes too many`);
  return state;
}
