/**
 * What a pickle of plain values and byte arrays can hold.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";

/** A number or text. Python 2 wrote texts as bytes. */
export type PickledScalar = boolean | number | string | Uint8Array;

/** A value. */
export type Pickled =
  | null
  | PickledScalar
  | readonly Pickled[]
  | ReadonlyMap<string, Pickled>
  | ByteArray
  | Marker;

/** A NumPy array of bytes. */
export class ByteArray {
  shape: readonly number[] = [];
  values: Uint8Array = new Uint8Array();
}

/** A function or type by its name, or a type of numbers. */
export class Marker {
  constructor(readonly name: string) {}
}

/** Something that is not read, in words that follow "found". */
export class PickleError extends Error {}

/** Fills an array from its parts. */
export function fill(
  array: ByteArray,
  shape: Pickled | undefined,
  type: Pickled | undefined,
  values: Pickled | undefined,
): ByteArray {
  const bytes = typeof values === "string" ? latin1(values) : values;
  const name = type instanceof Marker ? type.name.replace(/^[|<>=]/, "") : "";
  if (name !== "u1" && name !== "uint8") throw new PickleError(`an array of ${name || "no type"}`);
  const isShape = Array.isArray(shape) && shape.length <= 8 &&
    shape.every((size) => Number.isInteger(size) && size as number >= 0);
  if (!isShape || !(bytes instanceof Uint8Array) || sizeOf(shape as number[]) !== bytes.length) {
    throw new PickleError("an array whose shape does not fit its bytes");
  }
  array.shape = [...shape as number[]];
  array.values = bytes;
  return array;
}

/** A text that stands for bytes, as Python 3 writes bytes in old protocols. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length }, (_, i) => {
    const code = text.charCodeAt(i);
    if (code > 255) throw new PickleError("a text that is no bytes");
    return code;
  });
}

/**
 * A text, whether it was written as one or as bytes.
 *
 * @throws {PickleError} If the value is none
 */
export function textOf(value: Pickled | undefined): string {
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === "number") return `${value}`;
  throw new PickleError("a name that is no text");
}

/** A list of texts, `undefined` if the value is none. */
export function textsOf(value: Pickled | undefined): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: readonly Pickled[] = value;
  if (!items.every((item) => typeof item === "string" || item instanceof Uint8Array)) return undefined;
  return items.map((item) => textOf(item));
}
