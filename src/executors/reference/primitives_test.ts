/**
 * Values of primitive ops worked out by hand: the reference itself has no other oracle.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hash32, hashToUnit } from "../../core/rng.ts";
import type { Shape } from "../../core/shape.ts";
import * as fn from "../../graph/functions.ts";
import { type Graph, trace } from "../../graph/graph.ts";
import type { DType, PrimitiveName, Tensor } from "../../graph/ops.ts";
import { createReferenceExecutor } from "./executor.ts";

/** A number, or rows of them. */
type Nested = number | readonly Nested[];

function shapeOf(values: Nested): Shape {
  return typeof values === "number" ? [] : [values.length, ...shapeOf(values[0]!)];
}

function flat(values: Nested): number[] {
  return typeof values === "number" ? [values] : values.flatMap(flat);
}

/** Integers as `i32`. */
interface Labels {
  readonly labels: Nested;
}

/** Integers as `u8`. */
interface Bytes {
  readonly bytes: Nested;
}

type Given = Nested | Labels | Bytes;

interface Example {
  readonly given: readonly Given[];
  readonly wanted: Nested;
  readonly dtype?: DType;
  apply(graph: Graph, ...operands: Tensor[]): Tensor;
}

function example(
  given: readonly Given[],
  apply: (graph: Graph, ...operands: Tensor[]) => Tensor,
  wanted: Nested,
  dtype: DType = "f32",
): Example {
  return { given, apply, wanted, dtype };
}

function read(given: Given) {
  const [values, dtype]: [Nested, DType] = typeof given !== "object"
    ? [given, "f32"]
    : "labels" in given
    ? [given.labels, "i32"]
    : "bytes" in given
    ? [given.bytes, "u8"]
    : [given, "f32"];
  return { shape: shapeOf(values), values: flat(values), dtype };
}

const matrix = [[1, 2, 3], [4, 5, 6]];
const matmul = (transposeA: boolean, transposeB: boolean) => (_: Graph, a?: Tensor, b?: Tensor) =>
  fn.matmul(a!, b!, { transposeA, transposeB });

const examples: { readonly [K in PrimitiveName]: readonly Example[] } = {
  input: [
    example([matrix], (_, x) => x!, matrix),
    example([{ labels: [3, 1] }], (_, x) => x!, [3, 1], "i32"),
    example([{ bytes: [[0, 255, 7]] }], (_, x) => x!, [[0, 255, 7]], "u8"),
  ],
  state: [],
  constant: [
    example([], (graph) => graph.constant([0.1, 2], [1, 2]), [[0.1, 2]]),
    example([], (graph) => graph.constant([-3], [], "i32"), -3, "i32"),
  ],
  uniform: [
    example([], (graph) => fn.uniform(graph, [2, 2], 7), [
      [hashToUnit(hash32(7, 0)), hashToUnit(hash32(7, 1))],
      [hashToUnit(hash32(7, 2)), hashToUnit(hash32(7, 3))],
    ]),
  ],
  unary: [
    example([[1, -2, 0]], (_, x) => fn.neg(x!), [-1, 2, -0]),
    example([[0, 1, -1]], (_, x) => fn.exp(x!), [1, Math.E, 1 / Math.E]),
    example([[1, Math.E]], (_, x) => fn.log(x!), [0, 1]),
    example([[4, 2, 0]], (_, x) => fn.sqrt(x!), [2, Math.SQRT2, 0]),
    example([[4, -0.5]], (_, x) => fn.reciprocal(x!), [0.25, -2]),
    example([[4, -0.5, 0]], (_, x) => fn.abs(x!), [4, 0.5, 0]),
    example([[4, -0.5, 0]], (_, x) => fn.sign(x!), [1, -1, 0]),
    example([[0, 50, -50]], (_, x) => fn.tanh(x!), [0, 1, -1]),
    example([[0, 50, -50]], (_, x) => fn.erf(x!), [0, 1, -1]),
    example([[3, -3, 0]], (_, x) => fn.relu(x!), [3, 0, 0]),
  ],
  binary: [
    example([matrix, [10, 20, 30]], (_, a, b) => fn.add(a!, b!), [[11, 22, 33], [14, 25, 36]]),
    example([matrix, [[1], [2]]], (_, a, b) => fn.sub(a!, b!), [[0, 1, 2], [2, 3, 4]]),
    example([[[1], [2]], [[3, 4]]], (_, a, b) => fn.mul(a!, b!), [[3, 4], [6, 8]]),
    example([3, [2, -4]], (_, a, b) => fn.div(a!, b!), [1.5, -0.75]),
    example([[1, 5, 3], [2, 4, 3]], (_, a, b) => fn.maximum(a!, b!), [2, 5, 3]),
    example([[1, 5, 3], [2, 4, 3]], (_, a, b) => fn.minimum(a!, b!), [1, 4, 3]),
    example([[1, 5, 3], [2, 4, 3]], (_, a, b) => fn.greater(a!, b!), [0, 1, 0]),
    example([[1, 5, 3], [2, 4, 3]], (_, a, b) => fn.greaterEqual(a!, b!), [0, 1, 1]),
    example([[1, 5, 3], [2, 4, 3]], (_, a, b) => fn.equal(a!, b!), [0, 0, 1]),
  ],
  where: [
    example([[0, 1, -2], 7, [1, 2, 3]], (_, c, a, b) => fn.where(c!, a!, b!), [1, 7, 7]),
    example([[1, 0]], (_, c) => fn.where(c!, fn.log(c!), fn.log(fn.sub(0, c!))), [0, -Infinity]),
  ],
  reduce: [
    example([matrix], (_, x) => fn.sum(x!, { axes: [0] }), [5, 7, 9]),
    example([matrix], (_, x) => fn.sum(x!, { axes: [-1], keepDims: true }), [[6], [15]]),
    example([matrix], (_, x) => fn.sum(x!), 21),
    example([matrix], (_, x) => fn.mean(x!, { axes: [1] }), [2, 5]),
    example([[[-1, -2], [-3, -4]]], (_, x) => fn.max(x!, { axes: [0] }), [-1, -2]),
    example([[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]], (_, x) => fn.sum(x!, { axes: [2, 0] }), [14, 22]),
  ],
  matmul: [
    example([matrix, [[1, 0], [0, 2], [3, 0]]], matmul(false, false), [[10, 4], [22, 10]]),
    example([matrix, [[1, 0, 3], [0, 2, 0]]], matmul(false, true), [[10, 4], [22, 10]]),
    example([[[1, 4], [2, 5], [3, 6]], [[1, 0], [0, 2], [3, 0]]], matmul(true, false), [[10, 4], [22, 10]]),
    example([[[1, 4], [2, 5], [3, 6]], [[1, 0, 3], [0, 2, 0]]], matmul(true, true), [[10, 4], [22, 10]]),
    example([[[[1, 2]], [[3, 4]]], [[[5], [6]], [[7], [8]]]], matmul(false, false), [[[17]], [[53]]]),
    example([[[[1, 2]], [[3, 4]]], [[1], [10]]], matmul(false, false), [[[21]], [[43]]]),
  ],
  reshape: [example([matrix], (_, x) => fn.reshape(x!, [3, 2]), [[1, 2], [3, 4], [5, 6]])],
  transpose: [
    example([matrix], (_, x) => fn.transpose(x!, [1, 0]), [[1, 4], [2, 5], [3, 6]]),
    example([[[[1, 2], [3, 4], [5, 6]]]], (_, x) => fn.transpose(x!, [2, 0, 1]), [[[1, 3, 5]], [[2, 4, 6]]]),
  ],
  slice: [
    example([matrix], (_, x) => fn.slice(x!, [0, 1], [2, 2]), [[2, 3], [5, 6]]),
    example([{ labels: [7, 8, 9] }], (_, x) => fn.narrow(x!, -1, 1, 1), [8], "i32"),
  ],
  pad: [example([[[1, 2]]], (_, x) => fn.pad(x!, [1, 0], [0, 2]), [[0, 0, 0, 0], [1, 2, 0, 0]])],
  concat: [
    example([[[1], [2]], [[3, 4], [5, 6]]], (_, a, b) => fn.concat([a!, b!], 1), [[1, 3, 4], [2, 5, 6]]),
    example([matrix, [[7, 8, 9]]], (_, a, b) => fn.concat([b!, a!]), [[7, 8, 9], ...matrix]),
    example([{ labels: [1] }, { labels: [2] }], (_, a, b) => fn.concat([a!, b!]), [1, 2], "i32"),
  ],
  broadcast: [
    example([[[1], [2]]], (_, x) => fn.broadcast(x!, [2, 2, 2]), [[[1, 1], [2, 2]], [[1, 1], [2, 2]]]),
  ],
  gather: [
    example([matrix, { labels: [[1], [0]] }], (_, x, i) => fn.gather(x!, i!), [[[4, 5, 6]], [[1, 2, 3]]]),
    example([{ labels: [7, 8, 9] }, { labels: 2 }], (_, x, i) => fn.gather(x!, i!), 9, "i32"),
  ],
  scatterAdd: [
    example([matrix, { labels: [2, 2] }], (_, x, i) => fn.scatterAdd(x!, i!, 3), [[0, 0, 0], [0, 0, 0], [
      5,
      7,
      9,
    ]]),
  ],
  oneHot: [example([{ labels: [2, 0] }], (_, i) => fn.oneHot(i!, 3), [[0, 0, 1], [1, 0, 0]])],
  fromBytes: [example([{ bytes: [[0, 255], [128, 1]] }], (_, x) => fn.fromBytes(x!), [[0, 255], [128, 1]])],
  softmax: [
    example([[[0, Math.log(3)], [1000, 1000]]], (_, x) => fn.softmax(x!), [[0.25, 0.75], [0.5, 0.5]]),
  ],
  topKThreshold: [
    example([[[3, -5], [1, 4]]], (_, x) => fn.topKThreshold(x!, 1), 5),
    example([[[3, -5], [1, 4]]], (_, x) => fn.topKThreshold(x!, 3), 3),
    example([[2, -2, 2, 1]], (_, x) => fn.topKThreshold(x!, 2), 2),
  ],
};

const reference = createReferenceExecutor();

const arrays = { f32: Float64Array, i32: Int32Array, u8: Uint8Array };

async function evaluate({ given, apply }: Example) {
  const operands = given.map(read);
  const program = trace((graph) => {
    const nodes = operands.map(({ shape, dtype }, i) => graph.input(`${i}`, shape, dtype));
    graph.output("y", apply(graph, ...nodes));
  });
  const executable = await reference.compile(program, {});
  const feeds = operands.map(({ values, dtype }, i) => [`${i}`, arrays[dtype].from(values)] as const);
  const { y } = await executable.run(Object.fromEntries(feeds), ["y"]);
  return { values: y!, shape: program.outputs.y!.shape };
}

for (const [op, byHand] of Object.entries(examples)) {
  byHand.forEach((testCase, i) => {
    Deno.test(`the reference evaluates ${op} as worked out by hand, example ${i + 1}`, async () => {
      const { values, shape } = await evaluate(testCase);
      assert.deepEqual(shape, shapeOf(testCase.wanted));
      assert.equal(values.constructor, arrays[testCase.dtype ?? "f32"]);
      flat(testCase.wanted).forEach((wanted, at) => {
        const close = values[at] === wanted || Math.abs(values[at]! - wanted) <= 1e-15 * Math.abs(wanted);
        assert.ok(close, `at ${at} found ${values[at]}, wanted ${wanted}`);
      });
    });
  });
}

Deno.test("the reference refuses indices out of range", async () => {
  const index = { labels: [0, 3] };
  const refused: readonly Example[] = [
    example([[1, 2, 3], index], (_, x, i) => fn.gather(x!, i!), 0),
    example([[1, 2], index], (_, x, i) => fn.scatterAdd(x!, i!, 3), 0),
    example([index], (_, i) => fn.oneHot(i!, 3), 0),
    example([[1, 2, 3], { labels: [-1] }], (_, x, i) => fn.gather(x!, i!), 0),
  ];
  for (const testCase of refused) {
    await assert.rejects(evaluate(testCase), /found index (3|-1), wanted 0 to 2/);
  }
});
