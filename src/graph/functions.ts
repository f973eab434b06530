/**
 * The ops as functions over tensors: what models, losses and merges are written in.
 *
 * @module
 */
import { type Shape, sizeOf } from "../core/shape.ts";
import type { BinaryFn, GeluKind, NodeFactory, OpAttributes, Tensor, UnaryFn } from "./ops.ts";

/** A tensor, or a number standing for a scalar constant. */
export type Operand = Tensor | number;

function lift(graph: NodeFactory, value: Operand): Tensor {
  if (typeof value !== "number") return value;
  return graph.make("constant", { data: Float64Array.of(value), shape: [], dtype: "f32" }, []);
}

function unary(fn: UnaryFn): (x: Tensor) => Tensor {
  return (x) => x.graph.make("unary", { fn }, [x]);
}

function binary(fn: BinaryFn): (a: Operand, b: Operand) => Tensor {
  return (a, b) => {
    const graph = typeof a !== "number" ? a.graph : typeof b !== "number" ? b.graph : undefined;
    if (!graph) throw new TypeError(`Cannot apply ${fn}: found two numbers, wanted at least one tensor`);
    return graph.make("binary", { fn }, [lift(graph, a), lift(graph, b)]);
  };
}

/** -x */
export const neg: (x: Tensor) => Tensor = unary("neg");
/** eˣ */
export const exp: (x: Tensor) => Tensor = unary("exp");
/** ln x */
export const log: (x: Tensor) => Tensor = unary("log");
/** √x */
export const sqrt: (x: Tensor) => Tensor = unary("sqrt");
/** 1 / x */
export const reciprocal: (x: Tensor) => Tensor = unary("reciprocal");
/** |x| */
export const abs: (x: Tensor) => Tensor = unary("abs");
/** -1, 0 or 1, as x is below, at or above 0. Its derivative is 0. */
export const sign: (x: Tensor) => Tensor = unary("sign");
/** (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) */
export const tanh: (x: Tensor) => Tensor = unary("tanh");
/** 2/√π ∫₀ˣ e^(-t²) dt */
export const erf: (x: Tensor) => Tensor = unary("erf");
/** max(x, 0) */
export const relu: (x: Tensor) => Tensor = unary("relu");

/** a + b, broadcast as NumPy does. */
export const add: (a: Operand, b: Operand) => Tensor = binary("add");
/** a - b, broadcast as NumPy does. */
export const sub: (a: Operand, b: Operand) => Tensor = binary("sub");
/** a · b elementwise, broadcast as NumPy does. */
export const mul: (a: Operand, b: Operand) => Tensor = binary("mul");
/** a / b elementwise, broadcast as NumPy does. */
export const div: (a: Operand, b: Operand) => Tensor = binary("div");
/** max(a, b) elementwise, broadcast as NumPy does. */
export const maximum: (a: Operand, b: Operand) => Tensor = binary("maximum");
/** min(a, b) elementwise, broadcast as NumPy does. */
export const minimum: (a: Operand, b: Operand) => Tensor = binary("minimum");
/** 1 where a > b, else 0. Its derivative is 0. */
export const greater: (a: Operand, b: Operand) => Tensor = binary("greater");
/** 1 where a ≥ b, else 0. Its derivative is 0. */
export const greaterEqual: (a: Operand, b: Operand) => Tensor = binary("greaterEqual");
/** 1 where a = b, else 0. Its derivative is 0. */
export const equal: (a: Operand, b: Operand) => Tensor = binary("equal");

/** `a` where `condition` is not 0, else `b`. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const { graph } = condition;
  return graph.make("where", {}, [condition, lift(graph, a), lift(graph, b)]);
}

/** Options of reductions: all axes by default; reduced axes are dropped unless kept. */
export interface ReduceOptions {
  /** Axes to reduce; a negative one counts from the end. */
  readonly axes?: readonly number[];
  /** Whether reduced axes stay with size 1. */
  readonly keepDims?: boolean;
}

/** The axis meant by a number that may count from the end. */
function axisOf(shape: Shape, axis: number): number {
  const found = axis < 0 ? axis + shape.length : axis;
  if (!(found in shape)) throw new RangeError(`Cannot use axis ${axis}: the tensor has ${shape.length} axes`);
  return found;
}

function reduce(fn: "sum" | "max", x: Tensor, { axes, keepDims = false }: ReduceOptions): Tensor {
  const wanted = axes?.map((axis) => axisOf(x.shape, axis)) ?? x.shape.map((_, axis) => axis);
  const sorted = wanted.sort((a, b) => a - b);
  if (sorted.length === 0) return x;
  const kept = x.graph.make("reduce", { fn, axes: sorted }, [x]);
  return keepDims ? kept : reshape(kept, x.shape.filter((_, axis) => !sorted.includes(axis)));
}

/** Σ x over the axes. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("sum", x, options);
}

/** The largest x over the axes. */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("max", x, options);
}

/** Σ x / n over the axes, where n elements meet in each result. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const total = sum(x, options);
  return mul(total, sizeOf(total.shape) / sizeOf(x.shape));
}

/** Sums a broadcast result back to the shape it was broadcast from. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((size, axis) =>
    axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : []
  );
  return reshape(axes.length === 0 ? x : sum(x, { axes, keepDims: true }), shape);
}

/** Which operands of `matmul` are stored transposed. */
export interface MatmulOptions {
  /** `a` is [..., k, m]. */
  readonly transposeA?: boolean;
  /** `b` is [..., n, k]. */
  readonly transposeB?: boolean;
}

/**
 * Matrix product over the last two axes. Batch axes must be equal, or `b` is one matrix shared by all of `a`.
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  if (a.shape.length > 2 && b.shape.length === 2 && !transposeA) {
    const rows = a.shape.slice(0, -1);
    const product = matmul(reshape(a, [sizeOf(rows), a.shape.at(-1)!]), b, { transposeB });
    return reshape(product, [...rows, product.shape[1]!]);
  }
  return a.graph.make("matmul", { transposeA, transposeB }, [a, b]);
}

/** The same elements in row-major order under another shape of equal size. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return x.graph.make("reshape", { shape: [...shape] }, [x]);
}

/** One axis. */
export function flatten(x: Tensor): Tensor {
  return reshape(x, [sizeOf(x.shape)]);
}

/** Output axis i is input axis `perm[i]`. */
export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  return x.graph.make("transpose", { perm: [...perm] }, [x]);
}

/** y[i] = x[starts + i] for 0 ≤ i < sizes, on every axis. */
export function slice(x: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
  return x.graph.make("slice", { starts: [...starts], sizes: [...sizes] }, [x]);
}

/** `size` elements of one axis from `start`. A negative axis counts from the end. */
export function narrow(x: Tensor, axis: number, start: number, size: number): Tensor {
  const narrowed = axisOf(x.shape, axis);
  return slice(
    x,
    x.shape.map((_, i) => i === narrowed ? start : 0),
    x.shape.map((full, i) => i === narrowed ? size : full),
  );
}

/** Surrounds with zeros. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  return x.graph.make("pad", { before: [...before], after: [...after] }, [x]);
}

/** Joins along one axis. A negative axis counts from the end. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const [first] = parts;
  if (!first) throw new RangeError("Cannot concatenate: found no tensors, wanted at least one");
  return first.graph.make("concat", { axis: axisOf(first.shape, axis) }, parts);
}

/** Repeats axes of size 1, and missing leading axes, up to a shape, as NumPy does. */
export function broadcast(x: Tensor, shape: Shape): Tensor {
  return x.graph.make("broadcast", { shape: [...shape] }, [x]);
}

/** Rows of `table` at `index`. */
export function gather(table: Tensor, index: Tensor): Tensor {
  return table.graph.make("gather", {}, [table, index]);
}

/** y[r] = Σ updates[i] over all i with index[i] = r: [rows, ...rest] of `updates` [m, ...rest], `index` [m]. */
export function scatterAdd(updates: Tensor, index: Tensor, rows: number): Tensor {
  return updates.graph.make("scatterAdd", { rows }, [updates, index]);
}

/** [...index, depth]: 1 at index, else 0; indices in [0, depth). */
export function oneHot(index: Tensor, depth: number): Tensor {
  return index.graph.make("oneHot", { depth }, [index]);
}

/** Bytes as numbers from 0 to 255. Their gradient is zero. */
export function fromBytes(x: Tensor): Tensor {
  return x.graph.make("fromBytes", {}, [x]);
}

/** Over the last axis. */
export function softmax(x: Tensor): Tensor {
  return x.graph.make("softmax", {}, [x]);
}

/** x Φ(x): ½x (1 + erf(x/√2)), or ½x (1 + tanh(√(2/π) (x + 0.044715x³))) for `"tanh"`. */
export function gelu(x: Tensor, kind: GeluKind = "erf"): Tensor {
  return x.graph.make("gelu", { kind }, [x]);
}

/** (x - mean) / √(variance + epsilon) · gamma + beta over the last axis, with the variance divided by n. */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor {
  return x.graph.make("layerNorm", { epsilon }, [x, gamma, beta]);
}

/** x wᵀ + bias, with `w` stored [out, in] as PyTorch does. */
export function linear(x: Tensor, w: Tensor, bias: Tensor): Tensor {
  return x.graph.make("linear", {}, [x, w, bias]);
}

/** x wᵀ + bias + (x aᵀ ∘ gain) bᵀ, with `a` [r, in], `b` [out, r], `gain` [r]. */
export function loraLinear(x: Tensor, w: Tensor, bias: Tensor, a: Tensor, b: Tensor, gain: Tensor): Tensor {
  const u = matmul(x, a, { transposeB: true });
  return x.graph.make("loraLinear", {}, [x, w, bias, u, b, gain]);
}

/** Multi-head self-attention of packed projections [batch, tokens, 3 dim]. */
export function attention(qkv: Tensor, heads: number): Tensor {
  return qkv.graph.make("attention", { heads }, [qkv]);
}

/** Cross-entropy per sample with the classes of mask 0 left out. */
export function crossEntropy(logits: Tensor, labels: Tensor, mask: Tensor): Tensor {
  return logits.graph.make("crossEntropy", {}, [logits, labels, mask]);
}

/** Numbers in [0, 1) that depend on seed and position only. */
export function uniform(graph: NodeFactory, shape: Shape, seed: number): Tensor {
  return graph.make("uniform", { seed: seed >>> 0, shape: [...shape] }, []);
}

/** The k-th largest magnitude, as a scalar. */
export function topKThreshold(x: Tensor, k: number): Tensor {
  return x.graph.make("topKThreshold", { k }, [x]);
}

/** Keeps entries whose magnitude reaches the threshold. */
export function prune(x: Tensor, threshold: Tensor): Tensor {
  return x.graph.make("prune", {}, [x, threshold]);
}

/** TIES: elect a sign per entry, average the entries that agree. */
export function tiesMerge(stack: Tensor): Tensor {
  return stack.graph.make("tiesMerge", {}, [stack]);
}

/** DARE: drop at random, rescale what is left. */
export function dropRescale(x: Tensor, rate: number, seed: number): Tensor {
  return x.graph.make("dropRescale", { rate, seed: seed >>> 0 }, [x]);
}

/** Pairwise Frobenius inner products of low-rank products. */
export function loraGram(a: Tensor, b: Tensor): Tensor {
  return a.graph.make("loraGram", {}, [a, b]);
}

/** One AdamW step on packed parameters; see `OpAttributes.adamwStep`. */
export function adamwStep(
  packed: Tensor,
  grad: Tensor,
  decay: Tensor,
  hyper: Tensor,
  options: OpAttributes["adamwStep"],
): Tensor {
  return packed.graph.make("adamwStep", options, [packed, grad, decay, hyper]);
}

/** One SGD step on packed parameters; see `OpAttributes.sgdStep`. */
export function sgdStep(
  packed: Tensor,
  grad: Tensor,
  decay: Tensor,
  hyper: Tensor,
  options: OpAttributes["sgdStep"],
): Tensor {
  return packed.graph.make("sgdStep", options, [packed, grad, decay, hyper]);
}
