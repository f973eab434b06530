/**
 * Cases of matrix products, reductions and softmax.
 *
 * @module
 */
import { type Shape, sizeOf } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import { between, coarse, given, MANY_ROWS, normal, type OpCase, opCase, size } from "./case.ts";

/** m, k, n: ones, primes, multiples of 4, and both sides of every usual tile; thin ranks as LoRA has them. */
const products: readonly (readonly [m: number, k: number, n: number])[] = [
  [1, 1, 1],
  [1, 5, 7],
  [3, 1, 1],
  [1, 7, 1],
  [5, 3, 7],
  [3, 4, 5],
  [4, 4, 4],
  [8, 12, 16],
  [9, 8, 7],
  [15, 16, 17],
  [17, 15, 16],
  [31, 32, 33],
  [64, 64, 64],
  [65, 63, 64],
  [127, 3, 130],
  [130, 65, 4],
  [2, 513, 3],
];

const stacks: readonly (readonly [batch: Shape, m: number, k: number, n: number])[] = [
  [[1], 3, 5, 2],
  [[3], 5, 7, 3],
  [[2], 17, 16, 9],
  [[5], 8, 4, 12],
  [[2, 3], 5, 8, 6],
  [[2, 1, 2], 3, 2, 4],
];

function matmulCase(batch: Shape, m: number, k: number, n: number, transposeA: boolean, transposeB: boolean) {
  const flags = `${transposeA ? "aT" : "a"} ${transposeB ? "bT" : "b"}`;
  return opCase(
    "matmul",
    `${batch.length > 0 ? `batch ${size(batch)} ` : ""}${m}x${k}x${n} ${flags}`,
    {
      a: normal([...batch, ...(transposeA ? [k, m] : [m, k])]),
      b: normal([...batch, ...(transposeB ? [n, k] : [k, n])]),
    },
    { length: k },
    ({ a, b }, graph) => graph.make("matmul", { transposeA, transposeB }, [a, b]),
  );
}

const transposes = [[false, false], [false, true], [true, false], [true, true]] as const;

const reductions: readonly (readonly [Shape, axes: readonly number[]])[] = [
  [[1], [0]],
  [[7], [0]],
  [[65], [0]],
  [[3, 5], [0]],
  [[3, 5], [1]],
  [[3, 5], [0, 1]],
  [[4, 63], [1]],
  [[4, 64], [1]],
  [[4, 65], [1]],
  [[63, 4], [0]],
  [[65, 7], [0]],
  ...[[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]].map((axes) => [[2, 3, 5], axes] as const),
  [[2, 3, 4, 5], [0, 2]],
  [[2, 3, 4, 5], [1, 3]],
  [[2, 1, 3, 1, 4], [1, 3]],
  [[2, 3, 2, 3, 2], [0, 2, 4]],
  [[1, 1000], [1]],
  [[1000, 3], [0]],
  [[257, 130], [0, 1]],
  [[MANY_ROWS, 3], [1]],
  [[3, MANY_ROWS], [1]],
  [[MANY_ROWS, 2], [0]],
];

const softmaxShapes: readonly Shape[] = [
  [1],
  [5],
  [3, 1],
  [4, 7],
  [2, 64],
  [2, 3, 65],
  [2, 2, 3, 63],
  [3, 1000],
  [MANY_ROWS, 3],
];

function softmaxGradCase(shape: Shape) {
  const width = shape.at(-1)!;
  return opCase(
    "softmaxGrad",
    size(shape),
    { y: between(shape, 0, 2 / width), dy: normal(shape) },
    { length: width },
    ({ y, dy }, graph) => graph.make("softmaxGrad", {}, [y, dy]),
  );
}

/** Cases by op. */
export const contractionCases = {
  matmul: [
    ...products.flatMap(([m, k, n]) => transposes.map(([a, b]) => matmulCase([], m, k, n, a, b))),
    ...stacks.flatMap(([batch, m, k, n]) => transposes.map(([a, b]) => matmulCase(batch, m, k, n, a, b))),
    matmulCase([], MANY_ROWS, 2, 1, false, false),
    matmulCase([], 1, 2, MANY_ROWS, false, true),
    matmulCase([MANY_ROWS], 1, 2, 1, false, false),
    opCase(
      "matmul",
      "with itself",
      { x: normal([5, 7]) },
      { length: 7 },
      ({ x }) => fn.matmul(x, x, { transposeB: true }),
    ),
    opCase("matmul", "one matrix for a batch", { a: normal([2, 3, 5]), b: normal([5, 4]) }, { length: 5 }, ({
      a,
      b,
    }) => fn.matmul(a, b)),
  ],
  reduce: reductions.flatMap(([shape, axes]) => [
    opCase(
      "reduce",
      `sum ${size(shape)} axes ${axes}`,
      { x: normal(shape, 0.5) },
      { length: sizeOf(axes.map((axis) => shape[axis]!)) },
      ({ x }) => fn.sum(x, { axes, keepDims: true }),
    ),
    // All negative, so that a kernel which starts from 0 is found out.
    opCase(
      "reduce",
      `max ${size(shape)} axes ${axes}`,
      { x: between(shape, -5, -1) },
      "exact",
      ({ x }) => fn.max(x, { axes, keepDims: true }),
    ),
  ]).concat([
    opCase(
      "reduce",
      "axes dropped",
      { x: normal([2, 3, 5]) },
      { length: 6 },
      ({ x }) => fn.sum(x, { axes: [0, 1] }),
    ),
    opCase("reduce", "mean of all", { x: normal([3, 5], 2) }, { length: 15 }, ({ x }) => fn.mean(x)),
    opCase("reduce", "max with ties", { x: coarse([4, 33]) }, "exact", ({ x }) => fn.max(x, { axes: [-1] })),
  ]),
  softmax: softmaxShapes.map((shape) =>
    opCase(
      "softmax",
      size(shape),
      { x: normal(shape, 0, 3) },
      { length: shape.at(-1)! },
      ({ x }) => fn.softmax(x),
    )
  ).concat([
    opCase(
      "softmax",
      "huge logits",
      { x: given([2, 4], [1000, 999, -1e30, 998, -1e30, -1e30, -2000, -1e30]) },
      { length: 4 },
      ({ x }) => fn.softmax(x),
    ),
  ]),
  softmaxGrad: softmaxShapes.map(softmaxGradCase),
} satisfies Record<string, readonly OpCase[]>;
