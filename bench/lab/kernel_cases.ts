/**
 * What `deno task kernels` times: every kernel family at the shapes of the shipped backbone's training step, and at
 * the sizes by which matrix products are compared elsewhere. FLOP are those of the program (`costOf`), the same for every
 * backend; bytes are those that no backend can do without: every operand and result of the program moves once.
 *
 * @module
 */
import { gradients, type Tensor } from "../../src/graph/mod.ts";
import * as ops from "../../src/graph/mod.ts";
import { type Definition, type KernelCase, kernelCase, type Operands } from "./kernel_case.ts";

/** Gradients of the inner product of a result with `dy`. */
function pullback(y: Tensor, dy: Tensor, sources: readonly Tensor[]): readonly Tensor[] {
  return gradients(ops.sum(ops.mul(y, dy)), sources);
}

/** Images, tokens, width, hidden width, heads, classes and rank of a step of the shipped backbone. */
const [N, T, D, H, HEADS, C, R] = [32, 17, 128, 512, 4, 200, 8];
const ROWS = N * T;
const ELEMENTS = ROWS * H;

function product(
  m: number,
  n: number,
  k: number,
  { transposeA = false, transposeB = false, quick = true } = {},
): Definition {
  return {
    shape: `${m}x${k} · ${k}x${n}${transposeA ? ", A transposed" : ""}${transposeB ? ", B transposed" : ""}`,
    operands: { a: transposeA ? [k, m] : [m, k], b: transposeB ? [n, k] : [k, n] },
    quick,
    build: ({ a, b }) => ops.matmul(a!, b!, { transposeA, transposeB }),
  };
}

const lora: Operands = { x: [ROWS, D], w: [H, D], bias: [H], a: [R, D], b: [H, R], gain: [R] };

function attention(
  tokens: number,
  width: number,
  heads: number,
  quick = true,
): readonly [Definition, Definition] {
  const shape = `${N} images, ${tokens} tokens, ${heads} heads of ${width / heads}`;
  return [
    {
      shape,
      operands: { qkv: [N, tokens, 3 * width] },
      quick,
      build: ({ qkv }) => ops.attention(qkv!, heads),
    },
    {
      shape,
      operands: { qkv: [N, tokens, 3 * width], dy: [N, tokens, width] },
      quick,
      build: ({ qkv, dy }, graph) => graph.make("attentionGrad", { heads }, [qkv!, dy!]),
    },
  ];
}

const [attention17, attentionGrad17] = attention(T, D, HEADS);
const [attention65, attentionGrad65] = attention(65, 64, 4, false);
const stack: Operands = { x: [8, ELEMENTS / 8] };
const logits: Operands = { x: [N, C], labels: [[N], { below: C }], mask: [[C], "ones"] };

const definitions: Readonly<Record<string, readonly Definition[]>> = {
  matmul: [
    product(256, 256, 256),
    product(512, 512, 512),
    product(512, 512, 512, { transposeA: true, quick: false }),
    product(512, 512, 512, { transposeB: true, quick: false }),
    product(512, 512, 512, { transposeA: true, transposeB: true, quick: false }),
    product(1024, 1024, 1024, { quick: false }),
  ],
  "thin product": [
    product(ROWS, R, D, { transposeB: true }),
    product(ROWS, H, R, { transposeB: true }),
    product(R, D, ROWS, { transposeA: true }),
    product(H, R, ROWS, { transposeA: true, quick: false }),
  ],
  linear: [{
    shape: `${ROWS}x${D} to ${H}`,
    operands: { x: [ROWS, D], w: [H, D], bias: [H] },
    build: ({ x, w, bias }) => ops.linear(x!, w!, bias!),
  }],
  loraLinear: [{
    shape: `${ROWS}x${D} to ${H}, rank ${R}`,
    operands: lora,
    build: ({ x, w, bias, a, b, gain }) => ops.loraLinear(x!, w!, bias!, a!, b!, gain!),
  }],
  loraLinearGrad: [{
    shape: `${ROWS}x${D} to ${H}, rank ${R}: x, A, B, gain`,
    operands: { ...lora, dy: [ROWS, H] },
    build: ({ x, w, bias, a, b, gain, dy }) =>
      pullback(ops.loraLinear(x!, w!, bias!, a!, b!, gain!), dy!, [x!, a!, b!, gain!]),
  }],
  attention: [attention17, attention65],
  attentionGrad: [attentionGrad17, attentionGrad65],
  layerNorm: [{
    shape: `${ROWS}x${D}`,
    operands: { x: [ROWS, D], gamma: [D], beta: [D] },
    build: ({ x, gamma, beta }) => ops.layerNorm(x!, gamma!, beta!, 1e-6),
  }],
  layerNormGrad: [{
    shape: `${ROWS}x${D}`,
    operands: { x: [ROWS, D], gamma: [D], dy: [ROWS, D] },
    build: ({ x, gamma, dy }, graph) => graph.make("layerNormGrad", { epsilon: 1e-6 }, [x!, gamma!, dy!]),
  }],
  softmax: [{
    shape: `${ROWS}x${D}`,
    operands: { x: [ROWS, D] },
    build: ({ x }) => ops.softmax(x!),
  }],
  softmaxGrad: [{
    shape: `${ROWS}x${D}`,
    operands: { y: [[ROWS, D], "positive"], dy: [ROWS, D] },
    build: ({ y, dy }, graph) => graph.make("softmaxGrad", {}, [y!, dy!]),
  }],
  crossEntropy: [{
    shape: `${N}x${C}`,
    operands: logits,
    build: ({ x, labels, mask }) => ops.crossEntropy(x!, labels!, mask!),
  }],
  crossEntropyGrad: [{
    shape: `${N}x${C}`,
    operands: { ...logits, dy: [N] },
    build: ({ x, labels, mask, dy }, graph) => graph.make("crossEntropyGrad", {}, [x!, labels!, mask!, dy!]),
  }],
  gelu: [{
    shape: `${ROWS}x${H}`,
    operands: { x: [ROWS, H] },
    build: ({ x }) => ops.gelu(x!),
  }],
  geluGrad: [{
    shape: `${ROWS}x${H}`,
    operands: { x: [ROWS, H], dy: [ROWS, H] },
    build: ({ x, dy }, graph) => graph.make("geluGrad", { kind: "erf" }, [x!, dy!]),
  }],
  reduce: [
    ["rows", [1]],
    ["columns", [0]],
    ["all", [0, 1]],
  ].map(([name, axes]) => ({
    shape: `sum of ${ROWS}x${H} over ${name}`,
    operands: { x: [ROWS, H] },
    build: ({ x }) => ops.sum(x!, { axes: axes as number[] }),
  })),
  elementwise: [
    {
      shape: `${ROWS}x${H} · row + column`,
      operands: { x: [ROWS, H], row: [1, H], column: [ROWS, 1] },
      build: ({ x, row, column }) => ops.add(ops.mul(x!, row!), column!),
    },
    {
      shape: `${ROWS}x${H} + ${ROWS}x${H}`,
      operands: { x: [ROWS, H], y: [ROWS, H] },
      build: ({ x, y }) => ops.add(x!, y!),
    },
  ],
  transpose: [
    {
      shape: `${ROWS}x${H}`,
      operands: { x: [ROWS, H] },
      build: ({ x }) => ops.transpose(x!, [1, 0]),
    },
    {
      shape: `heads of ${N}x${T}x${D}`,
      operands: { x: [N, T, HEADS, D / HEADS] },
      quick: false,
      build: ({ x }) => ops.transpose(x!, [0, 2, 1, 3]),
    },
  ],
  gather: [{
    shape: `${ROWS} of ${C}x${D}`,
    operands: { table: [C, D], index: [[ROWS], { below: C }] },
    build: ({ table, index }) => ops.gather(table!, index!),
  }],
  scatterAdd: [{
    shape: `${ROWS}x${D} to ${C} rows`,
    operands: { x: [ROWS, D], index: [[ROWS], { below: C }] },
    build: ({ x, index }) => ops.scatterAdd(x!, index!, C),
  }],
  optimiser: [
    {
      shape: `AdamW, ${ELEMENTS} parameters`,
      operands: {
        packed: [[3, ELEMENTS], "positive"],
        grad: [ELEMENTS],
        decay: [ELEMENTS],
        hyper: [[3], "positive"],
      },
      build: ({ packed, grad, decay, hyper }) =>
        ops.adamwStep(packed!, grad!, decay!, hyper!, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
    },
    {
      shape: `SGD, ${ELEMENTS} parameters`,
      operands: { packed: [2, ELEMENTS], grad: [ELEMENTS], decay: [ELEMENTS], hyper: [[1], "positive"] },
      build: ({ packed, grad, decay, hyper }) =>
        ops.sgdStep(packed!, grad!, decay!, hyper!, { momentum: 0.9 }),
    },
  ],
  topKThreshold: [{
    shape: `a fifth of ${ELEMENTS}`,
    operands: { x: [ELEMENTS] },
    build: ({ x }) => ops.topKThreshold(x!, Math.floor(ELEMENTS / 5)),
  }],
  prune: [{
    shape: `${ELEMENTS}`,
    operands: { x: [ELEMENTS], threshold: [[], "positive"] },
    build: ({ x, threshold }) => ops.prune(x!, threshold!),
  }],
  tiesMerge: [{
    shape: `8 of ${ELEMENTS / 8}`,
    operands: stack,
    build: ({ x }) => ops.tiesMerge(x!),
  }],
  dropRescale: [{
    shape: `${ELEMENTS}`,
    operands: { x: [ELEMENTS] },
    build: ({ x }) => ops.dropRescale(x!, 0.5, 7),
  }],
  loraGram: [{
    shape: `8 adapters ${H}x${D}, rank ${R}`,
    operands: { a: [8, R, D], b: [8, H, R] },
    build: ({ a, b }) => ops.loraGram(a!, b!),
  }],
};

/** A product of square matrices. */
export function squareProduct(side: number): KernelCase {
  return kernelCase("matmul", product(side, side, side));
}

/** The negation of so many numbers. */
export function negation(size: number): KernelCase {
  const operands = { x: [size] };
  return kernelCase("negation", { shape: `${size}`, operands, build: ({ x }) => ops.neg(x!) });
}

/** Names of the families, in the order of the table. */
export const families: readonly string[] = Object.keys(definitions);

/** Every case of some families. */
export function kernelCases(names: readonly string[]): KernelCase[] {
  return names.flatMap((family) => definitions[family]!.map((definition) => kernelCase(family, definition)));
}
