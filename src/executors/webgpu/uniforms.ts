/**
 * Packs the uniform structs of all dispatches of a program into one buffer. Equal structs are stored once.
 *
 * @module
 */
import type { UniformValue } from "./kernel.ts";

/** Packed structs: the bytes of the buffer, and where each struct begins. */
export interface PackedUniforms {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offsets: readonly number[];
}

/** Bytes of a struct of 4-byte scalars as a binding, in multiples of 16 as some drivers prefer. */
export function uniformSize(values: readonly UniformValue[]): number {
  return Math.ceil(values.length / 4) * 16;
}

/** @param alignment Of the offsets: `minUniformBufferOffsetAlignment` */
export function packUniforms(
  structs: readonly (readonly UniformValue[])[],
  alignment: number,
): PackedUniforms {
  const known = new Map<string, number>();
  const parts: Uint8Array[] = [];
  let size = 0;
  const offsets = structs.map((struct) => {
    const part = structBytes(struct);
    const key = part.join();
    const found = known.get(key);
    if (found !== undefined) return found;
    const offset = size;
    known.set(key, offset);
    parts.push(part);
    size = Math.ceil((offset + part.length) / alignment) * alignment;
    return offset;
  });
  const bytes = new Uint8Array(size);
  [...known.values()].forEach((offset, i) => bytes.set(parts[i]!, offset));
  return { bytes, offsets };
}

function structBytes(values: readonly UniformValue[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(uniformSize(values)));
  values.forEach((value, i) => {
    if ("u32" in value) view.setUint32(4 * i, value.u32, true);
    else if ("i32" in value) view.setInt32(4 * i, value.i32, true);
    else view.setFloat32(4 * i, value.f32, true);
  });
  return new Uint8Array(view.buffer);
}
