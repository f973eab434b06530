/**
 * One copy between two strided walks: four elements at a time where they lie side by side at both ends, a block of
 * 4 × 4 where they do along one axis at the start and along another at the goal, else one by one.
 *
 * @module
 */
import { type Shape, sizeOf, stridesOf } from "../../../../core/shape.ts";
import type { Tensor } from "../../../../graph/ops.ts";
import { type Dispatch, read, u32, write } from "../../kernel.ts";
import { axisUniforms, collapse } from "../axes.ts";
import { coverUnits } from "../cover.ts";
import source from "./strided.wgsl" with { type: "text" };

/** One end of a copy: element c of the box is at base + c·strides. */
export interface End {
  readonly tensor: Tensor;
  readonly base: number;
  readonly strides: readonly number[];
}

/** A tensor that the box fills. */
export function whole(tensor: Tensor): End {
  return { tensor, base: 0, strides: stridesOf(tensor.shape) };
}

/** The walk as the WGSL counts it. */
interface Walk {
  readonly entryPoint: "copy1" | "copy4" | "block4";
  readonly sizes: readonly number[];
  readonly from: Counted;
  readonly to: Counted;
}

interface Counted {
  readonly base: number;
  readonly step: number;
  readonly strides: readonly number[];
}

/** Copies a box. */
export function copyDispatch(kernel: string, box: Shape, from: End, to: End): Dispatch {
  const { sizes, strides } = collapse(box, [from.strides, to.strides]);
  const [fromStrides, toStrides] = strides as [readonly number[], readonly number[]];
  const walk = sizes.length === 0
    ? singly([1], { base: from.base, step: 0, strides: [1] }, { base: to.base, step: 0, strides: [1] })
    : walkOf(sizes, { base: from.base, step: 0, strides: fromStrides }, {
      base: to.base,
      step: 0,
      strides: toStrides,
    });
  const count = sizeOf(walk.sizes);
  const { constants, workgroups } = coverUnits(count);
  return {
    kernel,
    source,
    entryPoint: walk.entryPoint,
    constants: { ...constants, AXES: walk.sizes.length },
    uniforms: [
      ...[count, walk.from.base, walk.to.base, walk.from.step, walk.to.step, 0, 0, 0].map(u32),
      ...axisUniforms(walk.sizes),
      ...axisUniforms(walk.from.strides),
      ...axisUniforms(walk.to.strides),
    ],
    bindings: [read(from.tensor), write(to.tensor)],
    workgroups,
    bytes: 8 * sizeOf(box),
  };
}

function singly(sizes: readonly number[], from: Counted, to: Counted): Walk {
  return { entryPoint: "copy1", sizes, from, to };
}

function walkOf(sizes: readonly number[], from: Counted, to: Counted): Walk {
  const last = sizes.length - 1;
  const lane = from.strides.indexOf(1);
  const fits = lane >= 0 && to.strides[last] === 1 && sizes[lane]! % 4 === 0 && sizes[last]! % 4 === 0 &&
    inFours(from, lane) && inFours(to, last);
  if (!fits) return singly(sizes, from, to);
  const fours = (end: Counted, along: number): Counted => ({
    base: end.base / 4,
    // In a block, the four along one axis are rows or columns along the other, which is cut into fours as well.
    step: lane === last ? 0 : end.strides[along === lane ? last : lane]! / 4,
    strides: end.strides.map((stride, axis) =>
      axis === along || axis === lane || axis === last ? stride : stride / 4
    ),
  });
  return {
    entryPoint: lane === last ? "copy4" : "block4",
    sizes: sizes.map((size, axis) => axis === lane || axis === last ? size / 4 : size),
    from: fours(from, lane),
    to: fours(to, last),
  };
}

/** Whether a walk steps by whole fours along all axes but one. */
function inFours({ base, strides }: Counted, along: number): boolean {
  return base % 4 === 0 && strides.every((stride, axis) => axis === along || stride % 4 === 0);
}
