/**
 * How much device memory values take: in words of 4 bytes, one for each element, or for each four of `u8`.
 *
 * @module
 */
import type { DType } from "../../graph/ops.ts";

/** Words that hold `size` elements. */
export function wordsFor(size: number, dtype: DType): number {
  return dtype === "u8" ? Math.ceil(size / 4) : size;
}
