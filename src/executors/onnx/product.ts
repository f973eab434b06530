/**
 * Matrix products with operands that are known in blocks, so that nothing is put together only to be cut again.
 *
 * @module
 */
import { sameShape, type Shape } from "../../core/shape.ts";
import type { Tensor } from "../../graph/ops.ts";
import type { LoweringContext, MatmulForm, View } from "./context.ts";

/** A value, or the equal blocks of its rows. */
export type Blocks = string | readonly string[];

/** A node [..., n] as equal blocks of columns, each [rows, width], if it was made that way. */
export function columnsOf(context: LoweringContext, tensor: Tensor): readonly string[] | undefined {
  const { shape, columns } = context.stored(tensor);
  return shape.at(-1) === tensor.shape.at(-1) ? columns : undefined;
}

/**
 * a b of `shape` for a matrix node a and a value b. If a is known in blocks of columns, each block meets its part of
 * b. Blocks of b are of the axis that a's columns meet, so they need `form` to transpose nothing.
 */
export function product(
  context: LoweringContext,
  a: Tensor,
  b: Blocks,
  shape: Shape,
  form: Omit<MatmulForm, "alpha"> = {},
): View {
  const { transposeA = false, transposeB = false } = form;
  const columns = columnsOf(context, a);
  if (columns && !transposeA) {
    const blocks = typeof b === "string" ? context.split(b, transposeB ? 1 : 0, columns.length) : b;
    const add = (total: string | undefined, column: string, i: number) =>
      context.gemm(column, blocks[i]!, form, total);
    return { name: columns.reduce<string | undefined>(add, undefined)!, shape };
  }
  const whole = typeof b === "string" ? b : context.concat(b, 0);
  if (!columns) return { name: context.gemm(context.value(a), whole, form), shape };
  const rowBlocks = columns.map((column) => context.gemm(column, whole, form));
  return { name: context.concat(rowBlocks, 0), shape, rowBlocks };
}

/** `sizes` elements of a value of `shape` from `starts`. */
export function cut(
  context: LoweringContext,
  value: string,
  shape: Shape,
  starts: readonly number[],
  sizes: readonly number[],
): string {
  const axes = shape.flatMap((size, axis) => size === sizes[axis] ? [] : [axis]);
  if (axes.length === 0) return value;
  const { builder } = context;
  return builder.emit("Slice", [
    value,
    builder.ints(axes.map((axis) => starts[axis]!)),
    builder.ints(axes.map((axis) => starts[axis]! + sizes[axis]!)),
    builder.ints(axes),
  ]);
}

/** A part of a node that is known in blocks of rows, if it lies within one of them. */
export function cutBlock(
  context: LoweringContext,
  tensor: Tensor,
  starts: readonly number[],
  sizes: readonly number[],
): string | undefined {
  const { shape, rowBlocks } = context.stored(tensor);
  if (!rowBlocks || !sameShape(shape, tensor.shape)) return undefined;
  const height = shape[0]! / rowBlocks.length;
  const block = Math.floor(starts[0]! / height);
  const first = starts[0]! - block * height;
  if (first + sizes[0]! > height) return undefined;
  return cut(context, rowBlocks[block]!, [height, ...shape.slice(1)], [first, ...starts.slice(1)], sizes);
}
