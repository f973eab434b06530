/**
 * The closed op set. Every executor covers every op; tables over `OpName` make a missing one a type error.
 *
 * Two kinds: *primitive* ops, and *composite* ops, which mean exactly their expansion into primitives
 * (`expand.ts`) and exist so that an executor can run them as one kernel. An executor without such a kernel
 * expands them first.
 *
 * @module
 */
import type { Shape } from "../core/shape.ts";

/**
 * Element types. `i32` is for indices and labels only. `u8` is for images in inputs and states: only `fromBytes` reads
 * it, though an input or state may also be an output, or the update of a state.
 */
export type DType = "f32" | "i32" | "u8";

/** Elementwise functions of one argument. */
export type UnaryFn =
  | "neg"
  | "exp"
  | "log"
  | "sqrt"
  | "reciprocal"
  | "abs"
  | "sign"
  | "tanh"
  | "erf"
  | "relu";

/** Elementwise functions of two arguments, with broadcasting. Comparisons give 1 or 0. */
export type BinaryFn =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "maximum"
  | "minimum"
  | "greater"
  | "greaterEqual"
  | "equal";

/** Reductions; reduced axes stay with size 1. */
export type ReduceFn = "sum" | "max";

/** GELU by the error function, or its tanh approximation. */
export type GeluKind = "erf" | "tanh";

/** The attributes of each op. Tensor operands are in the comment, in order. */
export interface OpAttributes {
  /** Fed at every run. */
  input: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  /** Lives on the device between runs. */
  state: { readonly name: string; readonly shape: Shape; readonly dtype: DType };
  /** Known at trace time. `data` is float64 for `f32`, so that the reference loses nothing. */
  constant: {
    readonly data: Float64Array | Int32Array;
    readonly shape: Shape;
    readonly dtype: "f32" | "i32";
  };
  /** Element i is `hashToUnit(hash32(seed, i))`: the same bits everywhere. */
  uniform: { readonly seed: number; readonly shape: Shape };
  /** (x) */
  unary: { readonly fn: UnaryFn };
  /** (a, b) broadcast */
  binary: { readonly fn: BinaryFn };
  /** (condition, a, b) broadcast: a where condition is not 0, else b */
  where: Record<never, never>;
  /** (x) axes ascending */
  reduce: { readonly fn: ReduceFn; readonly axes: readonly number[] };
  /** (a [...batch, m, k], b [...batch, k, n]); a flag says that operand is stored with its last two axes swapped. Ranks are equal. */
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  /** (x) */
  reshape: { readonly shape: Shape };
  /** (x) output axis i is input axis perm[i] */
  transpose: { readonly perm: readonly number[] };
  /** (x) */
  slice: { readonly starts: readonly number[]; readonly sizes: readonly number[] };
  /** (x) zeros around */
  pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** (x0, x1, …) */
  concat: { readonly axis: number };
  /** (x) NumPy broadcast to a larger shape */
  broadcast: { readonly shape: Shape };
  /** (table [n, ...rest], index i32 [...at]) -> [...at, ...rest]. Indices must be in range. */
  gather: Record<never, never>;
  /** (updates [m, ...rest], index i32 [m]) -> [rows, ...rest], repeated rows are added. Indices must be in range. */
  scatterAdd: { readonly rows: number };
  /** (index i32 [...at]) -> f32 [...at, depth]. Indices must be in range. */
  oneHot: { readonly depth: number };
  /** (x u8 [...]) -> f32 [...]: the bytes as numbers from 0 to 255. Not differentiable. */
  fromBytes: Record<never, never>;
  /** (x) over the last axis */
  softmax: Record<never, never>;

  // Composite ops.

  /** (y = softmax(x), dy) -> dx */
  softmaxGrad: Record<never, never>;
  /** (x) */
  gelu: { readonly kind: GeluKind };
  /** (x, dy) -> dx */
  geluGrad: { readonly kind: GeluKind };
  /** (x [..., d], gamma [d], beta [d]) */
  layerNorm: { readonly epsilon: number };
  /** (x [..., d], gamma [d], dy [..., d]) -> dx */
  layerNormGrad: { readonly epsilon: number };
  /** (x [..., in], w [out, in], bias [out]) -> x wᵀ + bias */
  linear: Record<never, never>;
  /** (x [..., in], w [out, in], bias [out], u [..., r], b [out, r], gain [r]) -> x wᵀ + bias + (u ∘ gain) bᵀ, where u = x aᵀ */
  loraLinear: Record<never, never>;
  /** (qkv [batch, tokens, 3 dim]: q, k, v of all heads side by side) -> [batch, tokens, dim]; scores scaled by 1/√(dim/heads) */
  attention: { readonly heads: number };
  /** (qkv, dy [batch, tokens, dim]) -> dqkv */
  attentionGrad: { readonly heads: number };
  /** (logits [n, c], labels i32 [n], mask [c]) -> loss [n]; classes with mask 0 have logit -∞. Labels must be unmasked. */
  crossEntropy: Record<never, never>;
  /** (logits [n, c], labels i32 [n], mask [c], dy [n]) -> dlogits [n, c] */
  crossEntropyGrad: Record<never, never>;
  /** (x) -> [] the k-th largest |x|, 1 <= k <= size. Not differentiable. Primitive. */
  topKThreshold: { readonly k: number };
  /** (x, threshold []) -> x where |x| >= threshold, else 0 */
  prune: Record<never, never>;
  /** (stack [n, ...rest]) -> [...rest]: TIES sign election (sign of the sum) and mean of the agreeing non-zero entries */
  tiesMerge: Record<never, never>;
  /** (x) -> x / (1 - rate) where uniform(seed) >= rate, else 0 (DARE) */
  dropRescale: { readonly rate: number; readonly seed: number };
  /** (a [n, r, in], b [n, out, r]) -> [n, n]: Frobenius inner products of the b a, without forming them */
  loraGram: Record<never, never>;
  /**
   * (packed [3, p]: parameters, first and second moments; grad [p]; decay [p]; hyper [3]: learning rate,
   * 1 - β1^t, 1 - β2^t) -> packed [3, p]. Decoupled weight decay: θ ← θ - lr (m̂ / (√v̂ + ε) + decay θ).
   */
  adamwStep: { readonly beta1: number; readonly beta2: number; readonly epsilon: number };
  /** (packed [2, p]: parameters, momentum; grad [p]; decay [p]; hyper [1]: learning rate) -> packed [2, p]. v ← μ v + g + decay θ; θ ← θ - lr v */
  sgdStep: { readonly momentum: number };
}

/** Name of an op. */
export type OpName = keyof OpAttributes;

/** A node of one op: a tensor-valued expression. Nodes are interned, so equal expressions are the same object. */
export interface NodeOf<K extends OpName> {
  /** Position in creation order; operands always have smaller ids. */
  readonly id: number;
  /** Which op it is. */
  readonly op: K;
  /** What the op needs beside tensors. */
  readonly attributes: OpAttributes[K];
  /** In the order that `OpAttributes` gives for the op. */
  readonly operands: readonly Tensor[];
  /** Sizes of the axes; empty for a scalar. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
  /** The graph this node belongs to. */
  readonly graph: NodeFactory;
}

/** A tensor in a graph: any node. */
export type Tensor = { readonly [K in OpName]: NodeOf<K> }[OpName];

/** What a node needs of its graph: making further nodes. */
export interface NodeFactory {
  /** A node of an op in the same graph. */
  make<K extends OpName>(op: K, attributes: OpAttributes[K], operands: readonly Tensor[]): Tensor;
}

/** Names of the composite ops. */
export const compositeOps = [
  "softmaxGrad",
  "gelu",
  "geluGrad",
  "layerNorm",
  "layerNormGrad",
  "linear",
  "loraLinear",
  "attention",
  "attentionGrad",
  "crossEntropy",
  "crossEntropyGrad",
  "prune",
  "tiesMerge",
  "dropRescale",
  "loraGram",
  "adamwStep",
  "sgdStep",
] as const satisfies readonly OpName[];

/** Name of a composite op. */
export type CompositeName = typeof compositeOps[number];
/** Name of a primitive op. */
export type PrimitiveName = Exclude<OpName, CompositeName>;

/** Whether a node is composite. */
export function isComposite(
  node: Tensor,
): node is { readonly [K in CompositeName]: NodeOf<K> }[CompositeName] {
  return (compositeOps as readonly string[]).includes(node.op);
}
