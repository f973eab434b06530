/**
 * Walking several tensors at once: axes are merged where every tensor allows it, so that most kernels see one or two.
 *
 * @module
 */
import type { Shape } from "../../../core/shape.ts";
import { u32, type UniformValue } from "../kernel.ts";

/** Axes that the uniform structs of strided kernels have room for. */
export const MAX_AXES = 8;

/** A walk over a shape with one list of strides for each tensor. */
export interface Walk {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/**
 * Drops axes of size 1 and merges neighbours that every tensor steps through evenly.
 *
 * @throws {RangeError} If more than `MAX_AXES` axes are left
 */
export function collapse(shape: Shape, strides: readonly (readonly number[])[]): Walk {
  const sizes: number[] = [];
  const merged: number[][] = strides.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const previous = sizes.length - 1;
    const even = previous >= 0 && strides.every((own, i) => merged[i]![previous] === own[axis]! * size);
    if (even) sizes[previous]! *= size;
    else sizes.push(size);
    strides.forEach((own, i) => merged[i]![sizes.length - 1] = own[axis]!);
  });
  if (sizes.length > MAX_AXES) {
    throw new RangeError(
      `Cannot walk shape [${shape.join(",")}]: found ${sizes.length} axes, wanted at most ${MAX_AXES}`,
    );
  }
  return { sizes, strides: merged };
}

/** A list of sizes or strides as two `vec4<u32>` of a uniform struct. */
export function axisUniforms(values: readonly number[]): readonly UniformValue[] {
  return Array.from({ length: MAX_AXES }, (_, axis) => u32(values[axis] ?? 0));
}
