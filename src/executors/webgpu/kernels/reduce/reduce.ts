/**
 * Lowers sums and maxima over any axes. Neighbouring reduced axes are one; each such group is reduced by passes over
 * [outer, length, inner]. Long sums with few results are cut into chunks, whose partial results the next pass
 * reduces: that keeps the device busy, and rounding errors small.
 *
 * @module
 */
import type { Shape } from "../../../../core/shape.ts";
import type { ReduceFn } from "../../../../graph/ops.ts";
import {
  type BufferRef,
  ceilDiv,
  type Dispatch,
  grid,
  type Lower,
  type LoweringContext,
  read,
  u32,
  write,
} from "../../kernel.ts";
import { coverUnits, sizeClass } from "../cover.ts";
import source from "./reduce.wgsl" with { type: "text" };

const fnNumbers: Readonly<Record<ReduceFn, number>> = { sum: 0, max: 1 };

interface Group {
  readonly size: number;
  readonly reduced: boolean;
}

/** Kept and reduced axes in turn; axes of size 1 do not matter. */
function groupsOf(shape: Shape, axes: readonly number[]): Group[] {
  const groups: Group[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const reduced = axes.includes(axis);
    const previous = groups.at(-1);
    if (previous?.reduced === reduced) groups[groups.length - 1] = { size: previous.size * size, reduced };
    else groups.push({ size, reduced });
  });
  return groups;
}

function product(groups: readonly Group[]): number {
  return groups.reduce((total, { size }) => total * size, 1);
}

/** (x) */
export const lowerReduce: Lower<"reduce"> = (node, context) => {
  const dispatches: Dispatch[] = [];
  let groups = groupsOf(node.operands[0]!.shape, node.attributes.axes);
  let x: BufferRef = node.operands[0]!;
  for (;;) {
    // The longest first, because every later pass then sees less. With nothing left to reduce, a pass over one term copies.
    const lengths = groups.map(({ size, reduced }) => reduced ? size : 0);
    const at = lengths.indexOf(Math.max(...lengths, 1));
    const middle = at < 0 ? { size: 1, reduced: true } : groups[at]!;
    const [before, after] = at < 0 ? [groups, []] : [groups.slice(0, at), groups.slice(at + 1)];
    const pass = planPass(product(before), middle.size, product(after), context);
    groups = [...before, ...(pass.chunks > 1 ? [{ size: pass.chunks, reduced: true }] : []), ...after];
    const done = groups.every(({ reduced }) => !reduced);
    const y: BufferRef = done ? node : context.scratch("partial results", product(groups));
    dispatches.push(passDispatch(node.attributes.fn, pass, x, y));
    if (done) return dispatches;
    x = y;
  }
};

interface Pass {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly chunk: number;
  readonly chunks: number;
  /** A workgroup of so many lanes for each result, or an invocation. */
  readonly lanes: number | undefined;
}

function planPass(outer: number, length: number, inner: number, context: LoweringContext): Pass {
  const results = outer * inner;
  const shapeClass = `${sizeClass(outer)}x${sizeClass(length)}x${sizeClass(inner)}`;
  // A workgroup needs more terms than lanes, which lie side by side.
  const offered = inner > 1 || length < 64
    ? ["invocation"] as const
    : context.software
    ? ["invocation", "group"] as const
    : ["group", "invocation"] as const;
  const grouped = context.variant("reduce", shapeClass, offered) === "group";
  const lanes = grouped
    ? Math.min(256, context.maxInvocations, 2 ** Math.floor(Math.log2(length)))
    : undefined;
  // Enough units of work to fill the device, each long enough to be worth its start.
  const [units, shortest] = lanes ? [1024, 16 * lanes] : context.software ? [256, 64] : [16_384, 16];
  const wanted = length < 4 * shortest ? 1 : Math.min(ceilDiv(units, results), ceilDiv(length, shortest));
  const chunk = ceilDiv(ceilDiv(length, wanted), 4) * 4;
  return { outer, length, inner, lanes, chunk: Math.min(chunk, length), chunks: ceilDiv(length, chunk) };
}

function passDispatch(fn: ReduceFn, pass: Pass, x: BufferRef, y: BufferRef): Dispatch {
  const { outer, length, inner, lanes, chunk, chunks } = pass;
  const results = outer * chunks * inner;
  const alongRows = inner === 1 && length % 4 === 0;
  const acrossColumns = inner % 4 === 0;
  const [rowStep, columnStep] = [alongRows ? 4 : 1, acrossColumns ? 4 : 1];
  const entryPoint = lanes ? `tree${rowStep}` : alongRows ? "rows4" : `columns${columnStep}`;
  const cover = lanes
    ? { constants: { WORKGROUP: lanes }, workgroups: grid(results) }
    : coverUnits(results / columnStep);
  return {
    kernel: `reduce/${fn}`,
    source,
    entryPoint,
    constants: { ...cover.constants, FN: fnNumbers[fn] },
    uniforms: [results / columnStep, length / rowStep, chunk / rowStep, chunks, inner / columnStep].map(u32),
    bindings: [read(x), write(y)],
    workgroups: cover.workgroups,
    flops: outer * length * inner,
    bytes: 4 * (outer * length * inner + results),
  };
}
