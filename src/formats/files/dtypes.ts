/**
 * Element types of weight files and their conversion to what the graph has: float32 and int32. Bytes are
 * little-endian, as is every machine that runs this.
 *
 * @module
 */
import { InputError } from "../../core/errors.ts";

/** How one element type is read. */
export interface StoredType {
  readonly bytes: number;
  readonly kind: "float" | "integer";
  /** Copies elements out of bytes of any alignment. */
  decode(bytes: Uint8Array): Float32Array | Int32Array;
}

/** A copy, so that typed arrays can be laid over it. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  // Not `slice`: that of a Node buffer is a view.
  return new Uint8Array(bytes).buffer;
}

/** The value of an IEEE half: 1 sign, 5 exponent and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A bfloat16 is the upper half of a float32. */
function widenBfloat(bytes: Uint8Array): Float32Array {
  const halves = new Uint16Array(aligned(bytes));
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}

function narrowInt64(bytes: Uint8Array): Int32Array {
  return Int32Array.from(new BigInt64Array(aligned(bytes)), (value) => {
    if (value !== BigInt.asIntN(32, value)) {
      throw new InputError(`found the integer ${value}, wanted one of 32 bits`);
    }
    return Number(value);
  });
}

/** By the name that safetensors uses. */
export const storedTypes: Readonly<Record<string, StoredType>> = {
  F32: { bytes: 4, kind: "float", decode: (bytes) => new Float32Array(aligned(bytes)) },
  F64: { bytes: 8, kind: "float", decode: (bytes) => Float32Array.from(new Float64Array(aligned(bytes))) },
  F16: {
    bytes: 2,
    kind: "float",
    decode: (bytes) => Float32Array.from(new Uint16Array(aligned(bytes)), halfToNumber),
  },
  BF16: { bytes: 2, kind: "float", decode: widenBfloat },
  BOOL: { bytes: 1, kind: "integer", decode: (bytes) => Int32Array.from(bytes) },
  U8: { bytes: 1, kind: "integer", decode: (bytes) => Int32Array.from(bytes) },
  I8: { bytes: 1, kind: "integer", decode: (bytes) => Int32Array.from(new Int8Array(aligned(bytes))) },
  I16: { bytes: 2, kind: "integer", decode: (bytes) => Int32Array.from(new Int16Array(aligned(bytes))) },
  I32: { bytes: 4, kind: "integer", decode: (bytes) => new Int32Array(aligned(bytes)) },
  I64: { bytes: 8, kind: "integer", decode: narrowInt64 },
};
