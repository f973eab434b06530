/**
 * Cases of leaves and elementwise ops.
 *
 * @module
 */
import type { Shape } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import type { BinaryFn, UnaryFn } from "../../graph/ops.ts";
import {
  between,
  bytes,
  coarse,
  given,
  integers,
  type LeafSpec,
  MANY_ROWS,
  normal,
  type OpCase,
  opCase,
  type Precision,
  size,
} from "./case.ts";

const shapes: readonly Shape[] = [[], [1], [3], [4], [5], [7, 1], [3, 64], [2, 3, 65], [2, 1, 3, 5, 2]];

/** A domain on which float32 arithmetic is well conditioned, and values where careless formulas break. */
const unaryDomains: {
  readonly [F in UnaryFn]: readonly [low: number, high: number, edges: readonly number[], Precision];
} = {
  neg: [-4, 4, [0, 1e30], "exact"],
  exp: [-5, 5, [0, 1, -87, -200], "element"],
  log: [0.01, 20, [1, 1e-30, 1e30, 2], { length: 1 }],
  sqrt: [0, 10, [0, 1, 1e-30, 1e30], "element"],
  reciprocal: [0.1, 4, [1, -1, 1e-30, -1e30], "element"],
  abs: [-4, 4, [0, -1e30], "exact"],
  sign: [-4, 4, [0, 1e-30, -1e-30], "exact"],
  tanh: [-4, 4, [0, 1e-4, 10, -10, 60, -1000], { length: 1 }],
  erf: [-3, 3, [0, 1e-4, 4, -4, 30, -1000], { length: 1 }],
  relu: [-4, 4, [0, -1e-30, 1e30], "exact"],
};

const unaryCases = (Object.keys(unaryDomains) as UnaryFn[]).flatMap((name) => {
  const [low, high, edges, precision] = unaryDomains[name];
  const make = (label: string, x: LeafSpec) =>
    opCase("unary", `${name} ${label}`, { x }, precision, ({ x }) => fn[name](x));
  return [
    ...shapes.map((shape) => make(size(shape), between(shape, low, high))),
    make("edge values", given([edges.length], edges)),
    ...(name === "relu" ? [make("many rows", between([MANY_ROWS, 3], low, high))] : []),
  ];
});

const binaryFns: { readonly [F in BinaryFn]: Precision } = {
  add: "element",
  sub: "element",
  mul: "element",
  div: "element",
  maximum: "exact",
  minimum: "exact",
  greater: "exact",
  greaterEqual: "exact",
  equal: "exact",
};

/** Every way in which one operand is stretched to the other. */
const broadcasts: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [[1], [1]],
  [[], [5]],
  [[5], []],
  [[1], [7]],
  [[7], [1]],
  [[3, 4], [4]],
  [[4], [3, 4]],
  [[3, 5], [3, 1]],
  [[3, 1], [1, 5]],
  [[64, 65], [65]],
  [[65, 63], [65, 1]],
  [[2, 3, 4], [3, 4]],
  [[2, 3, 4], [2, 1, 4]],
  [[2, 3, 5], [2, 1, 1]],
  [[2, 1, 4], [1, 3, 1]],
  [[2, 3, 4, 5], [4, 1]],
  [[2, 3, 4, 5], [1, 3, 1, 5]],
  [[2, 3, 1, 5, 1], [1, 1, 4, 1, 3]],
  [[2, 3, 4, 2, 3], [2, 3, 4, 2, 3]],
];

const everywhere: readonly BinaryFn[] = ["sub", "div", "greaterEqual"];

const binaryCases = (Object.keys(binaryFns) as BinaryFn[]).flatMap((name) => {
  const pairs = everywhere.includes(name) ? broadcasts : broadcasts.slice(6, 10);
  const make = (label: string, a: LeafSpec, b: LeafSpec) =>
    opCase("binary", `${name} ${label}`, { a, b }, binaryFns[name], ({ a, b }) => fn[name](a, b));
  const second = (shape: Shape) => name === "div" ? between(shape, 0.5, 3) : coarse(shape);
  return pairs.map(([a, b]) => make(`${size(a)} ${size(b)}`, coarse(a), second(b)));
});

const whereShapes: readonly (readonly [Shape, Shape, Shape])[] = [
  [[], [], []],
  [[5], [5], [5]],
  [[3, 1], [4], []],
  [[4], [3, 1], [3, 4]],
  [[], [2, 3], [3]],
  [[2, 3, 65], [1], [65]],
  [[1, 3, 1], [2, 1, 5], [5]],
  [[2, 1, 3, 1, 2], [3, 1, 1], [4, 1, 5, 1]],
];

/** Cases by op. */
export const elementwiseCases = {
  input: [
    opCase("input", "f32", { x: normal([3, 5]) }, "exact", ({ x }) => x),
    opCase("input", "i32", { x: integers([7], 1000) }, "exact", ({ x }) => x),
    opCase("input", "u8", { x: bytes([7]) }, "exact", ({ x }) => x),
    opCase("input", "scalar", { x: normal([]) }, "exact", ({ x }) => x),
  ],
  state: [
    opCase("state", "f32", {}, "exact", ({ s }) => s, { s: normal([3, 5]) }),
    opCase("state", "i32", {}, "exact", ({ s }) => s, { s: integers([7], 1000) }),
    opCase("state", "u8", {}, "exact", ({ s }) => s, { s: bytes([7]) }),
    opCase("state", "and input", { x: normal([5]) }, "element", ({ s, x }) => fn.mul(s, x), {
      s: normal([3, 5]),
    }),
  ],
  constant: [
    opCase(
      "constant",
      "f32",
      {},
      "exact",
      (_, graph) => graph.constant([1, -2.5, 0, 2 ** -60, 2 ** 60], [5]),
    ),
    opCase(
      "constant",
      "i32",
      {},
      "exact",
      (_, graph) => graph.constant([1, -2, 0, 2147483647], [2, 2], "i32"),
    ),
    opCase("constant", "scalar", { x: normal([4]) }, "element", ({ x }) => fn.mul(x, 0.1)),
    opCase(
      "constant",
      "matrix",
      { x: normal([1, 7]) },
      "element",
      ({ x }, graph) => fn.mul(x, graph.constant(Array.from({ length: 35 }, (_, i) => i / 7), [5, 7])),
    ),
  ],
  uniform: ([[[1], 0], [[7], 1], [[3, 5], 0xffffffff], [[2, 3, 4], 123456789], [[MANY_ROWS, 2], 7]] as const)
    .map(([shape, seed]) =>
      opCase(
        "uniform",
        `${size(shape)} seed ${seed}`,
        {},
        "exact",
        (_, graph) => fn.uniform(graph, shape, seed),
      )
    ),
  unary: unaryCases,
  binary: [
    ...binaryCases,
    opCase(
      "binary",
      "many rows",
      { a: normal([MANY_ROWS, 3]), b: normal([3]) },
      "element",
      ({ a, b }) => fn.add(a, b),
    ),
    opCase("binary", "operand given twice", { x: normal([5]) }, "element", ({ x }) => fn.mul(x, x)),
  ],
  where: [
    ...whereShapes.map(([condition, a, b]) =>
      opCase(
        "where",
        [condition, a, b].map(size).join(" "),
        { condition: coarse(condition), a: normal(a), b: normal(b) },
        "exact",
        ({ condition, a, b }) => fn.where(condition, a, b),
      )
    ),
    opCase("where", "any value but 0 is true", { condition: given([4], [0.5, -3, 0, 1e-30]) }, "exact", ({
      condition,
    }) => fn.where(condition, 1, 2)),
  ],
} satisfies Record<string, readonly OpCase[]>;
