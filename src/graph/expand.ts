/**
 * What each composite op means, in primitives. An executor without a kernel for a composite op runs this instead,
 * the derivative of an op without a derivative of its own is the derivative of this, and tests hold every native
 * kernel against it.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import {
  abs,
  add,
  concat,
  div,
  erf,
  exp,
  greater,
  greaterEqual,
  log,
  matmul,
  max,
  maximum,
  mean,
  mul,
  narrow,
  oneHot,
  reciprocal,
  reshape,
  sign,
  softmax,
  sqrt,
  sub,
  sum,
  tanh,
  transpose,
  uniform,
  where,
} from "./functions.ts";
import { Graph, type Program } from "./graph.ts";
import {
  type CompositeName,
  type GeluKind,
  isComposite,
  type NodeOf,
  type OpAttributes,
  type OpName,
  type Tensor,
} from "./ops.ts";
import { shortcut } from "./simplify.ts";

/** Stands for -∞ in masked logits: exp of it is 0 on every device, and it makes no NaN. */
const MASKED_LOGIT = -1e30;

function lastAxisSum(x: Tensor): Tensor {
  return sum(x, { axes: [-1], keepDims: true });
}

function lastAxisMean(x: Tensor): Tensor {
  return mean(x, { axes: [-1], keepDims: true });
}

/** Φ(x) of the exact GELU, or (1 + tanh(√(2/π)(x + 0.044715 x³))) / 2 (Hendrycks and Gimpel, arXiv 1606.08415). */
function geluGate(x: Tensor, kind: GeluKind): Tensor {
  const bounded = kind === "erf" ? erf(mul(x, Math.SQRT1_2)) : tanh(geluTanhArgument(x));
  return mul(add(bounded, 1), 0.5);
}

function geluTanhArgument(x: Tensor): Tensor {
  return mul(mul(x, add(mul(mul(x, x), 0.044715), 1)), Math.sqrt(2 / Math.PI));
}

function geluGateSlope(x: Tensor, kind: GeluKind): Tensor {
  if (kind === "erf") return mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  const bounded = tanh(geluTanhArgument(x));
  const argumentSlope = mul(add(mul(mul(x, x), 3 * 0.044715), 1), Math.sqrt(2 / Math.PI));
  return mul(mul(sub(1, mul(bounded, bounded)), argumentSlope), 0.5);
}

function normalise(
  x: Tensor,
  epsilon: number,
): { readonly normal: Tensor; readonly inverseDeviation: Tensor } {
  const centred = sub(x, lastAxisMean(x));
  const variance = lastAxisMean(mul(centred, centred));
  const inverseDeviation = reciprocal(sqrt(add(variance, epsilon)));
  return { normal: mul(centred, inverseDeviation), inverseDeviation };
}

/** Splits qkv [batch, tokens, 3 dim] into scaled q, k and v, each [batch, heads, tokens, dim / heads], and their attention. */
function attentionParts(qkv: Tensor, heads: number) {
  const [batch, tokens, width] = qkv.shape as [number, number, number];
  const headDim = width / 3 / heads;
  const split = transpose(reshape(qkv, [batch, tokens, 3, heads, headDim]), [2, 0, 3, 1, 4]);
  const part = (i: number) => reshape(narrow(split, 0, i, 1), [batch, heads, tokens, headDim]);
  const scale = 1 / Math.sqrt(headDim);
  const q = mul(part(0), scale);
  const k = part(1);
  const v = part(2);
  return { q, k, v, scale, weights: softmax(matmul(q, k, { transposeB: true })) };
}

function maskedExponentials(logits: Tensor, mask: Tensor) {
  const masked = where(mask, logits, MASKED_LOGIT);
  const peak = max(masked, { axes: [-1], keepDims: true });
  const exponentials = exp(sub(masked, peak));
  return { peak, exponentials, total: lastAxisSum(exponentials) };
}

type Expansion<K extends OpName> = (attributes: OpAttributes[K], ...operands: Tensor[]) => Tensor;

const expansions: { readonly [K in CompositeName]: Expansion<K> } = {
  softmaxGrad: (_, y, dy) => mul(y!, sub(dy!, lastAxisSum(mul(dy!, y!)))),
  gelu: ({ kind }, x) => mul(x!, geluGate(x!, kind)),
  geluGrad: ({ kind }, x, dy) => mul(dy!, add(geluGate(x!, kind), mul(x!, geluGateSlope(x!, kind)))),
  layerNorm: ({ epsilon }, x, gamma, beta) => add(mul(normalise(x!, epsilon).normal, gamma!), beta!),
  layerNormGrad({ epsilon }, x, gamma, dy) {
    const { normal, inverseDeviation } = normalise(x!, epsilon);
    const slope = mul(dy!, gamma!);
    const projected = mul(normal, lastAxisMean(mul(slope, normal)));
    return mul(sub(sub(slope, lastAxisMean(slope)), projected), inverseDeviation);
  },
  linear: (_, x, w, bias) => add(matmul(x!, w!, { transposeB: true }), bias!),
  loraLinear(_, x, w, bias, u, b, gain) {
    const frozen = x!.graph.make("linear", {}, [x!, w!, bias!]);
    return add(frozen, matmul(mul(u!, gain!), b!, { transposeB: true }));
  },
  attention({ heads }, qkv) {
    const { weights, v } = attentionParts(qkv!, heads);
    const [batch, tokens, width] = qkv!.shape as [number, number, number];
    return reshape(transpose(matmul(weights, v), [0, 2, 1, 3]), [batch, tokens, width / 3]);
  },
  attentionGrad({ heads }, qkv, dy) {
    const { q, k, v, scale, weights } = attentionParts(qkv!, heads);
    const [batch, tokens, width] = qkv!.shape as [number, number, number];
    const dout = transpose(reshape(dy!, [batch, tokens, heads, width / 3 / heads]), [0, 2, 1, 3]);
    const dweights = matmul(dout, v, { transposeB: true });
    const dscores = weights.graph.make("softmaxGrad", {}, [weights, dweights]);
    const dq = mul(matmul(dscores, k), scale);
    const dk = matmul(dscores, q, { transposeA: true });
    const dv = matmul(weights, dout, { transposeA: true });
    const lead = (part: Tensor) => reshape(part, [1, ...part.shape]);
    return reshape(transpose(concat([lead(dq), lead(dk), lead(dv)]), [1, 3, 0, 2, 4]), qkv!.shape);
  },
  crossEntropy(_, logits, labels, mask) {
    const { peak, total } = maskedExponentials(logits!, mask!);
    const picked = lastAxisSum(mul(logits!, oneHot(labels!, logits!.shape[1]!)));
    return reshape(sub(add(log(total), peak), picked), labels!.shape);
  },
  crossEntropyGrad(_, logits, labels, mask, dy) {
    const { exponentials, total } = maskedExponentials(logits!, mask!);
    const surplus = sub(div(exponentials, total), oneHot(labels!, logits!.shape[1]!));
    return mul(surplus, reshape(dy!, [logits!.shape[0]!, 1]));
  },
  prune: (_, x, threshold) => where(greaterEqual(abs(x!), threshold!), x!, 0),
  tiesMerge(_, stack) {
    const rest = stack!.shape.slice(1);
    const elected = sign(sum(stack!, { axes: [0], keepDims: true }));
    const agrees = greater(mul(sign(stack!), elected), 0);
    const total = sum(mul(stack!, agrees), { axes: [0] });
    return reshape(div(total, maximum(sum(agrees, { axes: [0] }), 1)), rest);
  },
  dropRescale: ({ rate, seed }, x) =>
    where(greaterEqual(uniform(x!.graph, x!.shape, seed), rate), mul(x!, 1 / (1 - rate)), 0),
  loraGram(_, a, b) {
    const [n, rank, inputs] = a!.shape as [number, number, number];
    const rowsA = reshape(a!, [n * rank, inputs]);
    const rowsB = reshape(transpose(b!, [0, 2, 1]), [n * rank, b!.shape[1]!]);
    const products = mul(
      matmul(rowsA, rowsA, { transposeB: true }),
      matmul(rowsB, rowsB, { transposeB: true }),
    );
    return sum(reshape(products, [n, rank, n, rank]), { axes: [1, 3] });
  },
  adamwStep({ beta1, beta2, epsilon }, packed, grad, decay, hyper) {
    const size = sizeOf(grad!.shape);
    const row = (i: number) => reshape(narrow(packed!, 0, i, 1), [size]);
    const [rate, correction1, correction2] = [0, 1, 2].map((i) => narrow(hyper!, 0, i, 1));
    const first = add(mul(row(1), beta1), mul(grad!, 1 - beta1));
    const second = add(mul(row(2), beta2), mul(mul(grad!, grad!), 1 - beta2));
    const direction = div(div(first, correction1!), add(sqrt(div(second, correction2!)), epsilon));
    const moved = sub(row(0), mul(add(direction, mul(decay!, row(0))), rate!));
    return concat([moved, first, second].map((part) => reshape(part, [1, size])));
  },
  sgdStep({ momentum }, packed, grad, decay, hyper) {
    const size = sizeOf(grad!.shape);
    const row = (i: number) => reshape(narrow(packed!, 0, i, 1), [size]);
    const velocity = add(add(mul(row(1), momentum), grad!), mul(decay!, row(0)));
    const moved = sub(row(0), mul(velocity, hyper!));
    return concat([moved, velocity].map((part) => reshape(part, [1, size])));
  },
};

/** The expansion of one composite node over its own operands. Parts of it may be composite themselves. */
export function expandNode(node: NodeOf<CompositeName>): Tensor {
  const expansion = expansions[node.op] as Expansion<CompositeName>;
  return expansion(node.attributes, ...node.operands);
}

class ExpandingGraph extends Graph {
  readonly #isNative: (node: Tensor) => boolean;

  constructor(isNative: (node: Tensor) => boolean) {
    super();
    this.#isNative = isNative;
  }

  override make<K extends OpName>(op: K, attributes: OpAttributes[K], operands: readonly Tensor[]): Tensor {
    const node = super.make(op, attributes, operands);
    if (!isComposite(node) || this.#isNative(node)) return node;
    return expandNode(node as unknown as NodeOf<CompositeName>);
  }

  protected override simplify(draft: Tensor): Tensor | undefined {
    return super.simplify(draft) ?? shortcut(draft);
  }
}

/** Copies nodes into a graph, so that `graph.make` decides what becomes of each. */
function rebuild(program: Program, graph: Graph): Program {
  const copies = new Map<Tensor, Tensor>();
  // Declared even if unused: feeds and bindings stay the same.
  for (const [name, { shape, dtype }] of Object.entries(program.inputs)) {
    copies.set(program.inputs[name]! as Tensor, graph.input(name, shape, dtype));
  }
  for (const [name, { shape, dtype }] of Object.entries(program.states)) {
    copies.set(program.states[name]! as Tensor, graph.state(name, shape, dtype));
  }
  for (const node of program.nodes) {
    if (copies.has(node)) continue;
    const operands = node.operands.map((operand) => copies.get(operand)!);
    copies.set(node, graph.make(node.op, node.attributes, operands));
  }
  for (const [name, node] of Object.entries(program.outputs)) graph.output(name, copies.get(node)!);
  for (const [name, node] of Object.entries(program.updates)) graph.update(name, copies.get(node)!);
  return graph.finish();
}

/**
 * Replaces every composite node that an executor cannot run natively by its expansion, and takes the shortcuts that
 * tracing must not take. Executors do this first.
 *
 * @param isNative Whether the executor has an implementation for this composite node
 */
export function expand(program: Program, isNative: (node: Tensor) => boolean = () => false): Program {
  return rebuild(program, new ExpandingGraph(isNative));
}
