/**
 * Values that need no memory of their own, because they lie inside the memory of another: a reshape, and a slice
 * whose elements lie side by side from an offset that every device can bind.
 *
 * @module
 */
import { formatShape, sizeOf, stridesOf } from "../../core/shape.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import type { BufferRef } from "./kernel.ts";
import { wordsFor } from "./words.ts";

/** Elements: the strictest alignment of storage bindings that WebGPU lets a device ask for is 256 bytes. */
const VIEW_ALIGNMENT = 64;

/** Where a value lies. */
export interface View {
  /** The value whose memory it is. */
  readonly root: BufferRef;
  /** In elements. */
  readonly offset: number;
}

/** The memory of a value. */
export function viewOf(ref: BufferRef): View {
  let root = ref;
  let offset = 0;
  while ("op" in root && isView(root)) {
    if (root.op === "slice") offset += sliceOffset(root);
    root = root.operands[0]!;
  }
  return { root, offset };
}

/** The value whose memory this one uses. */
export function rootOf(ref: BufferRef): BufferRef {
  return viewOf(ref).root;
}

/** Whether a node lies inside its operand's memory, so that nothing computes it. */
export function isView(node: Tensor): boolean {
  if (node.op === "reshape") return true;
  return node.op === "slice" && isContiguous(node) && sliceOffset(node) % VIEW_ALIGNMENT === 0;
}

function sliceOffset({ attributes: { starts }, operands: [x] }: NodeOf<"slice">): number {
  const strides = stridesOf(x!.shape);
  return starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
}

/** Whether every axis inside the first that has more than one element is whole. */
function isContiguous({ shape, operands: [x] }: NodeOf<"slice">): boolean {
  const first = shape.findIndex((size) => size > 1);
  return first < 0 || shape.every((size, axis) => axis <= first || size === x!.shape[axis]);
}

/** Name of a value in messages and GPU labels. */
export function describeRef(ref: BufferRef): string {
  if (!("op" in ref)) return `scratch "${ref.label}"`;
  if (ref.op === "input" || ref.op === "state") return `${ref.op} "${ref.attributes.name}"`;
  return `${ref.op} #${ref.id} ${formatShape(ref.shape)}`;
}

/** Length in 4-byte elements. */
export function wordsOf(ref: BufferRef): number {
  return "op" in ref ? wordsFor(sizeOf(ref.shape), ref.dtype) : ref.size;
}

/** 4-byte elements to reserve: kernels may read and write whole groups of four. */
export function paddedSize(ref: BufferRef): number {
  return Math.ceil(wordsOf(ref) / 4) * 4;
}
