/**
 * How kernels that work row by row, and those that work element by element, cover their data: the choice between
 * a workgroup and an invocation for each row, and the grid.
 *
 * @module
 */
import { ceilDiv, type Dispatch, grid, type LoweringContext } from "../kernel.ts";

/** Invocations in a workgroup where they do not cooperate. */
export const WORKGROUP = 64;

/** The parts of a dispatch that say how it covers its data. */
export type Cover = Pick<Dispatch, "constants" | "workgroups">;

/** One invocation for each of `count` units. */
export function coverUnits(count: number): Cover {
  return { constants: { WORKGROUP }, workgroups: grid(ceilDiv(count, WORKGROUP)) };
}

/** Quads of 4 elements that hold `count` elements; buffers are padded to whole quads. */
export function quadsOf(count: number): number {
  return ceilDiv(count, 4);
}

/** The power of two nearest to a size: sizes of one class share a tuned choice. */
export function sizeClass(size: number): number {
  return 2 ** Math.round(Math.log2(size));
}

/** How to cover rows: `group` gives each a workgroup, `row` an invocation. */
export interface RowCover extends Cover {
  readonly variant: "group" | "row";
}

/** Chooses how a family covers `rows` rows of `width` elements. */
export function coverRows(family: string, rows: number, width: number, context: LoweringContext): RowCover {
  const shapeClass = `${sizeClass(rows)}x${sizeClass(width)}`;
  const variants = context.software ? ["row", "group"] as const : ["group", "row"] as const;
  const variant = context.variant(family, shapeClass, variants);
  if (variant === "row") return { variant, ...coverUnits(rows) };
  const lanes = Math.min(256, context.maxInvocations, Math.max(32, 2 ** Math.ceil(Math.log2(width))));
  return { variant, constants: { WORKGROUP: lanes }, workgroups: grid(rows) };
}
