/**
 * The shape and element type of every op's result, and the checks of its operands. Messages name the op, what
 * was found and what was wanted.
 *
 * @module
 */
import { broadcastShapes, checkShape, formatShape, sameShape, type Shape, sizeOf } from "../core/shape.ts";
import type { DType, OpAttributes, OpName, Tensor } from "./ops.ts";

interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

type Rule<K extends OpName> = (attributes: OpAttributes[K], ...operands: Tensor[]) => Shape | TensorType;

function fail(op: OpName, found: string, wanted: string): never {
  throw new RangeError(`Cannot apply ${op}: found ${found}, wanted ${wanted}`);
}

function expectShape(op: OpName, what: string, tensor: Tensor, wanted: Shape): void {
  if (!sameShape(tensor.shape, wanted)) {
    fail(op, `${what} of shape ${formatShape(tensor.shape)}`, formatShape(wanted));
  }
}

function expectType(op: OpName, what: string, tensor: Tensor, dtype: DType): void {
  if (tensor.dtype !== dtype) fail(op, `${what} of type ${tensor.dtype}`, dtype);
}

function expectAxes(op: OpName, what: string, tensor: Tensor, least: number): void {
  if (tensor.shape.length < least) {
    fail(op, `${what} of shape ${formatShape(tensor.shape)}`, `rank ${least} or more`);
  }
}

function last(shape: Shape): number {
  return shape[shape.length - 1] ?? 1;
}

/** Shape of the attention of qkv. */
function attentionShape(op: OpName, qkv: Tensor, heads: number): Shape {
  const [batch, tokens, width] = qkv.shape;
  if (!Number.isInteger(heads) || heads < 1) fail(op, `${heads} heads`, "a positive integer");
  if (qkv.shape.length !== 3 || width! % (3 * heads) !== 0) {
    fail(
      op,
      `qkv of shape ${formatShape(qkv.shape)}`,
      `[batch,tokens,3*dim] with dim divisible by ${heads}`,
    );
  }
  return [batch!, tokens!, width! / 3];
}

/** Checks what cross-entropy and its gradient have in common; gives the shape of the losses. */
function lossShape(op: OpName, logits: Tensor, labels: Tensor, mask: Tensor): Shape {
  if (logits.shape.length !== 2) fail(op, `logits of shape ${formatShape(logits.shape)}`, "[n,classes]");
  const [n, classes] = logits.shape as readonly [number, number];
  expectType(op, "logits", logits, "f32");
  expectType(op, "labels", labels, "i32");
  expectType(op, "mask", mask, "f32");
  expectShape(op, "labels", labels, [n]);
  expectShape(op, "mask", mask, [classes]);
  return [n];
}

const rules: { readonly [K in OpName]: Rule<K> } = {
  input: ({ shape, dtype }) => ({ shape, dtype }),
  state: ({ shape, dtype }) => ({ shape, dtype }),
  constant: ({ shape, dtype }) => ({ shape, dtype }),
  uniform: ({ shape }) => shape,
  unary: (_, x) => x!.shape,
  binary: (_, a, b) => broadcastShapes(a!.shape, b!.shape),
  where: (_, condition, a, b) => broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape)),
  reduce: ({ axes }, x) => {
    if (
      axes.length === 0 ||
      axes.some((axis, i) => axis < 0 || axis >= x!.shape.length || axis <= (axes[i - 1] ?? -1))
    ) {
      fail("reduce", `axes ${formatShape(axes)}`, `ascending axes of ${formatShape(x!.shape)}`);
    }
    return x!.shape.map((size, axis) => axes.includes(axis) ? 1 : size);
  },
  matmul: ({ transposeA, transposeB }, a, b) => {
    const rank = a!.shape.length;
    const batch = a!.shape.slice(0, -2);
    if (rank < 2 || rank !== b!.shape.length || !sameShape(batch, b!.shape.slice(0, -2))) {
      fail("matmul", `a${formatShape(a!.shape)} by b${formatShape(b!.shape)}`, "equal ranks and batch axes");
    }
    const [m, k] = transposeA
      ? [a!.shape[rank - 1]!, a!.shape[rank - 2]!]
      : [a!.shape[rank - 2]!, a!.shape[rank - 1]!];
    const [inner, n] = transposeB
      ? [b!.shape[rank - 1]!, b!.shape[rank - 2]!]
      : [b!.shape[rank - 2]!, b!.shape[rank - 1]!];
    if (k !== inner) {
      fail(
        "matmul",
        `a${formatShape(a!.shape)} by b${formatShape(b!.shape)}`,
        `equal inner sizes, not ${k} and ${inner}`,
      );
    }
    return [...batch, m, n];
  },
  reshape: ({ shape }, x) => {
    if (sizeOf(shape) !== sizeOf(x!.shape)) {
      fail("reshape", formatShape(x!.shape), `the size of ${formatShape(shape)}`);
    }
    return { shape, dtype: x!.dtype };
  },
  transpose: ({ perm }, x) => {
    if (!sameShape([...perm].sort((a, b) => a - b), x!.shape.map((_, axis) => axis))) {
      fail("transpose", `perm ${formatShape(perm)}`, `a permutation of the axes of ${formatShape(x!.shape)}`);
    }
    return perm.map((axis) => x!.shape[axis]!);
  },
  slice: ({ starts, sizes }, x) => {
    const fits = starts.length === x!.shape.length && sizes.length === x!.shape.length &&
      starts.every((start, axis) =>
        start >= 0 && sizes[axis]! >= 1 && start + sizes[axis]! <= x!.shape[axis]!
      );
    if (!fits) {
      fail(
        "slice",
        `starts ${formatShape(starts)} sizes ${formatShape(sizes)}`,
        `a part of ${formatShape(x!.shape)}`,
      );
    }
    return { shape: sizes, dtype: x!.dtype };
  },
  pad: ({ before, after }, x) => {
    if (
      before.length !== x!.shape.length || after.length !== x!.shape.length ||
      [...before, ...after].some((n) => n < 0)
    ) {
      fail(
        "pad",
        `${formatShape(before)} and ${formatShape(after)}`,
        `non-negative per axis of ${formatShape(x!.shape)}`,
      );
    }
    return x!.shape.map((size, axis) => size + before[axis]! + after[axis]!);
  },
  concat: ({ axis }, ...parts) => {
    const first = parts[0] ?? fail("concat", "no operands", "at least one");
    if (!(axis in first.shape)) fail("concat", `axis ${axis}`, `an axis of ${formatShape(first.shape)}`);
    for (const part of parts) {
      expectShape(
        "concat",
        "operand",
        part,
        first.shape.map((size, i) => i === axis ? part.shape[i]! : size),
      );
      expectType("concat", "operand", part, first.dtype);
    }
    const total = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
    return { shape: first.shape.map((size, i) => i === axis ? total : size), dtype: first.dtype };
  },
  broadcast: ({ shape }, x) => {
    if (!sameShape(broadcastShapes(x!.shape, shape), shape)) {
      fail("broadcast", formatShape(x!.shape), `a shape that broadcasts to ${formatShape(shape)}`);
    }
    return shape;
  },
  gather: (_, table, index) => {
    expectType("gather", "index", index!, "i32");
    expectAxes("gather", "table", table!, 1);
    return { shape: [...index!.shape, ...table!.shape.slice(1)], dtype: table!.dtype };
  },
  scatterAdd: ({ rows }, updates, index) => {
    expectType("scatterAdd", "updates", updates!, "f32");
    expectType("scatterAdd", "index", index!, "i32");
    expectAxes("scatterAdd", "updates", updates!, 1);
    expectShape("scatterAdd", "index", index!, updates!.shape.slice(0, 1));
    return [rows, ...updates!.shape.slice(1)];
  },
  oneHot: ({ depth }, index) => {
    expectType("oneHot", "index", index!, "i32");
    return { shape: [...index!.shape, depth], dtype: "f32" };
  },
  fromBytes: (_, x) => (expectType("fromBytes", "x", x!, "u8"), x!.shape),
  softmax: (_, x) => (expectAxes("softmax", "x", x!, 1), x!.shape),
  softmaxGrad: (_, y, dy) => {
    expectAxes("softmaxGrad", "y", y!, 1);
    expectShape("softmaxGrad", "dy", dy!, y!.shape);
    return y!.shape;
  },
  gelu: (_, x) => x!.shape,
  geluGrad: (_, x, dy) => (expectShape("geluGrad", "dy", dy!, x!.shape), x!.shape),
  layerNorm: (_, x, gamma, beta) => {
    expectAxes("layerNorm", "x", x!, 1);
    expectShape("layerNorm", "gamma", gamma!, [last(x!.shape)]);
    expectShape("layerNorm", "beta", beta!, [last(x!.shape)]);
    return x!.shape;
  },
  layerNormGrad: (_, x, gamma, dy) => {
    expectAxes("layerNormGrad", "x", x!, 1);
    expectShape("layerNormGrad", "gamma", gamma!, [last(x!.shape)]);
    expectShape("layerNormGrad", "dy", dy!, x!.shape);
    return x!.shape;
  },
  linear: (_, x, w, bias) => {
    expectAxes("linear", "x", x!, 2);
    const [out] = w!.shape;
    expectShape("linear", "w", w!, [out ?? 1, last(x!.shape)]);
    expectShape("linear", "bias", bias!, [out!]);
    return [...x!.shape.slice(0, -1), out!];
  },
  loraLinear: (_, x, w, bias, u, b, gain) => {
    expectAxes("loraLinear", "x", x!, 2);
    const [out] = w!.shape;
    const rank = last(u!.shape);
    expectShape("loraLinear", "w", w!, [out ?? 1, last(x!.shape)]);
    expectShape("loraLinear", "bias", bias!, [out!]);
    expectShape("loraLinear", "u", u!, [...x!.shape.slice(0, -1), rank]);
    expectShape("loraLinear", "b", b!, [out!, rank]);
    expectShape("loraLinear", "gain", gain!, [rank]);
    return [...x!.shape.slice(0, -1), out!];
  },
  attention: ({ heads }, qkv) => attentionShape("attention", qkv!, heads),
  attentionGrad: ({ heads }, qkv, dy) => {
    expectShape("attentionGrad", "dy", dy!, attentionShape("attentionGrad", qkv!, heads));
    return qkv!.shape;
  },
  crossEntropy: (_, logits, labels, mask) => lossShape("crossEntropy", logits!, labels!, mask!),
  crossEntropyGrad: (_, logits, labels, mask, dy) => {
    expectType("crossEntropyGrad", "dy", dy!, "f32");
    expectShape("crossEntropyGrad", "dy", dy!, lossShape("crossEntropyGrad", logits!, labels!, mask!));
    return logits!.shape;
  },
  topKThreshold: ({ k }, x) => {
    if (!Number.isInteger(k) || k < 1 || k > sizeOf(x!.shape)) {
      fail("topKThreshold", `k = ${k}`, `an integer from 1 to ${sizeOf(x!.shape)}`);
    }
    return [];
  },
  prune: (_, x, threshold) => (expectShape("prune", "threshold", threshold!, []), x!.shape),
  tiesMerge: (_, stack) => (expectAxes("tiesMerge", "stack", stack!, 1), stack!.shape.slice(1)),
  dropRescale: ({ rate }, x) =>
    rate >= 0 && rate < 1 ? x!.shape : fail("dropRescale", `rate ${rate}`, "0 <= rate < 1"),
  loraGram: (_, a, b) => {
    const [n, rank] = a!.shape;
    if (a!.shape.length !== 3 || b!.shape.length !== 3) {
      fail("loraGram", "a or b without three axes", "[n,r,in], [n,out,r]");
    }
    expectShape("loraGram", "b", b!, [n!, b!.shape[1]!, rank!]);
    return [n!, n!];
  },
  adamwStep: (_, packed, grad, decay, hyper) => {
    const size = sizeOf(grad!.shape);
    expectShape("adamwStep", "packed", packed!, [3, size]);
    expectShape("adamwStep", "grad", grad!, [size]);
    expectShape("adamwStep", "decay", decay!, [size]);
    expectShape("adamwStep", "hyper", hyper!, [3]);
    return packed!.shape;
  },
  sgdStep: (_, packed, grad, decay, hyper) => {
    const size = sizeOf(grad!.shape);
    expectShape("sgdStep", "packed", packed!, [2, size]);
    expectShape("sgdStep", "grad", grad!, [size]);
    expectShape("sgdStep", "decay", decay!, [size]);
    expectShape("sgdStep", "hyper", hyper!, [1]);
    return packed!.shape;
  },
};

/** Ops that accept `i32` as well because they move data without arithmetic, and those whose rules check types. */
const typeAgnostic: readonly OpName[] = [
  "reshape",
  "slice",
  "concat",
  "gather",
  "oneHot",
  "crossEntropy",
  "crossEntropyGrad",
  "scatterAdd",
  "fromBytes",
];

/**
 * Shape and element type of an op's result.
 *
 * @throws {RangeError} If the operands do not fit the op
 */
export function inferType<K extends OpName>(
  op: K,
  attributes: OpAttributes[K],
  operands: readonly Tensor[],
): TensorType {
  for (const operand of operands) {
    if (!typeAgnostic.includes(op)) expectType(op, "operand", operand, "f32");
    else if (operand.dtype === "u8" && op !== "fromBytes") fail(op, "operand of type u8", "fromBytes of it");
  }
  const result = (rules[op] as Rule<K>)(attributes, ...operands);
  const type: TensorType = "dtype" in result ? result : { shape: result, dtype: "f32" };
  checkShape(type.shape, op);
  return type;
}
