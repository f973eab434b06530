/**
 * The one way the reference walks tensors: a table with the position in memory of every element of a strided view.
 *
 * @module
 */
import { type Shape, sizeOf } from "../../core/shape.ts";

/** Memory offsets of the elements of a view, in row-major order of `shape`. */
export function offsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const table = new Int32Array(sizeOf(shape));
  table[0] = start;
  let filled = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const block = filled;
    for (let i = 1; i < shape[axis]!; i++) {
      for (let j = 0; j < block; j++) table[filled++] = table[j]! + i * strides[axis]!;
    }
  }
  return table;
}
