/**
 * Values of tensors on the host: the arrays that stand for each element type, and what may be given for them.
 *
 * @module
 */
import type { DType } from "../graph/ops.ts";

/** Values on the host. The reference reads and writes float64. Tensors of `u8` take and give bytes only. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Values as devices store them. */
export type DeviceArray = Float32Array | Int32Array | Uint8Array;

/** Zeros: `size` elements as a device stores them. */
export function blankValues(dtype: DType, size: number): DeviceArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(size);
    case "i32":
      return new Int32Array(size);
    case "u8":
      return new Uint8Array(size);
  }
}

/**
 * Checks that the values for a tensor of `u8` are bytes: other numbers would lose all but their lowest 8 bits.
 *
 * @throws {TypeError} If they are not
 */
export function checkBytes(action: string, dtype: DType, values: HostArray): void {
  if (dtype === "u8" && !(values instanceof Uint8Array)) {
    throw new TypeError(`Cannot ${action}: found ${values.constructor.name}, wanted Uint8Array for u8`);
  }
}
