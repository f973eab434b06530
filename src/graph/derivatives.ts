/**
 * The derivative of every op, as a graph: from the gradient of a node's value to the gradients of its operands.
 * Composite ops without an entry are differentiated through their expansion.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import {
  broadcast,
  div,
  equal,
  exp,
  gather,
  greaterEqual,
  layerNorm,
  matmul,
  mul,
  narrow,
  neg,
  pad,
  reshape,
  scatterAdd,
  sign,
  slice,
  sub,
  sum,
  sumTo,
  transpose,
  where,
} from "./functions.ts";
import type { CompositeName, NodeOf, OpName, PrimitiveName, Tensor } from "./ops.ts";

/** Gradients of the operands in order; `undefined` where it is zero or does not exist. */
export type Pullback<K extends OpName> = (
  node: NodeOf<K>,
  dy: Tensor,
) => readonly (Tensor | undefined)[];

/** [..., d] as [rows, d]. */
function rows(x: Tensor): Tensor {
  const width = x.shape.at(-1) ?? 1;
  return reshape(x, [sizeOf(x.shape) / width, width]);
}

function sumRows(x: Tensor): Tensor {
  return sum(rows(x), { axes: [0] });
}

function self<K extends OpName>(node: NodeOf<K>): Tensor {
  return node as unknown as Tensor;
}

function linearPullback(x: Tensor, w: Tensor, dy: Tensor): readonly [Tensor, Tensor, Tensor] {
  return [matmul(dy, w), matmul(rows(dy), rows(x), { transposeA: true }), sumRows(dy)];
}

const none = () => [];

const primitivePullbacks: { readonly [K in PrimitiveName]: Pullback<K> } = {
  input: none,
  state: none,
  constant: none,
  uniform: none,
  oneHot: none,
  fromBytes: none,
  topKThreshold: none,
  unary(node, dy) {
    const x = node.operands[0]!;
    const y = self(node);
    switch (node.attributes.fn) {
      case "neg":
        return [neg(dy)];
      case "exp":
        return [mul(dy, y)];
      case "log":
        return [div(dy, x)];
      case "sqrt":
        return [div(mul(dy, 0.5), y)];
      case "reciprocal":
        return [neg(mul(dy, mul(y, y)))];
      case "abs":
        return [mul(dy, sign(x))];
      case "sign":
        return [];
      case "tanh":
        return [mul(dy, sub(1, mul(y, y)))];
      case "erf":
        return [mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))];
      case "relu":
        return [mul(dy, sign(y))];
    }
  },
  binary(node, dy) {
    const [a, b] = node.operands as readonly [Tensor, Tensor];
    const pair = (da: Tensor, db: Tensor) => [sumTo(da, a.shape), sumTo(db, b.shape)];
    switch (node.attributes.fn) {
      case "add":
        return pair(dy, dy);
      case "sub":
        return pair(dy, neg(dy));
      case "mul":
        return pair(mul(dy, b), mul(dy, a));
      case "div":
        return pair(div(dy, b), neg(div(mul(dy, self(node)), b)));
      case "maximum": {
        const first = greaterEqual(a, b);
        return pair(mul(dy, first), mul(dy, sub(1, first)));
      }
      case "minimum": {
        const first = greaterEqual(b, a);
        return pair(mul(dy, first), mul(dy, sub(1, first)));
      }
      case "greater":
      case "greaterEqual":
      case "equal":
        return [];
    }
  },
  where({ operands: [condition, a, b] }, dy) {
    return [
      undefined,
      sumTo(where(condition!, dy, 0), a!.shape),
      sumTo(where(condition!, 0, dy), b!.shape),
    ];
  },
  reduce(node, dy) {
    const x = node.operands[0]!;
    if (node.attributes.fn === "sum") return [broadcast(dy, x.shape)];
    const isMax = equal(x, self(node));
    const ties = sum(isMax, { axes: node.attributes.axes, keepDims: true });
    return [mul(isMax, div(dy, ties))];
  },
  matmul({ attributes: { transposeA, transposeB }, operands }, dy) {
    const [a, b] = operands as readonly [Tensor, Tensor];
    const make = (left: Tensor, right: Tensor, flipLeft: boolean, flipRight: boolean) =>
      dy.graph.make("matmul", { transposeA: flipLeft, transposeB: flipRight }, [left, right]);
    return [
      transposeA ? make(b, dy, transposeB, true) : make(dy, b, false, !transposeB),
      transposeB ? make(dy, a, true, transposeA) : make(a, dy, !transposeA, false),
    ];
  },
  reshape: ({ operands: [x] }, dy) => [reshape(dy, x!.shape)],
  transpose({ attributes: { perm } }, dy) {
    return [transpose(dy, perm.map((_, axis) => perm.indexOf(axis)))];
  },
  slice({ attributes: { starts, sizes }, operands: [x] }, dy) {
    return [pad(dy, starts, x!.shape.map((size, axis) => size - starts[axis]! - sizes[axis]!))];
  },
  pad: ({ attributes: { before }, operands: [x] }, dy) => [slice(dy, before, x!.shape)],
  concat({ attributes: { axis }, operands }, dy) {
    let start = 0;
    return operands.map(({ shape }) => {
      const part = narrow(dy, axis, start, shape[axis]!);
      start += shape[axis]!;
      return part;
    });
  },
  broadcast: ({ operands: [x] }, dy) => [sumTo(dy, x!.shape)],
  gather({ operands: [table, index] }, dy) {
    const count = sizeOf(index!.shape);
    const updates = reshape(dy, [count, ...table!.shape.slice(1)]);
    return [scatterAdd(updates, reshape(index!, [count]), table!.shape[0]!)];
  },
  scatterAdd: ({ operands: [, index] }, dy) => [gather(dy, index!)],
  softmax: (node, dy) => [dy.graph.make("softmaxGrad", {}, [self(node), dy])],
};

const compositePullbacks: { readonly [K in CompositeName]?: Pullback<K> } = {
  gelu: ({ attributes, operands: [x] }, dy) => [dy.graph.make("geluGrad", attributes, [x!, dy])],
  layerNorm({ attributes, operands: [x, gamma] }, dy) {
    const filled = (value: number) =>
      broadcast(
        dy.graph.make("constant", { data: Float64Array.of(value), shape: [], dtype: "f32" }, []),
        gamma!.shape,
      );
    const normal = layerNorm(x!, filled(1), filled(0), attributes.epsilon);
    return [
      dy.graph.make("layerNormGrad", attributes, [x!, gamma!, dy]),
      sumRows(mul(dy, normal)),
      sumRows(dy),
    ];
  },
  linear: ({ operands: [x, w] }, dy) => linearPullback(x!, w!, dy),
  loraLinear({ operands: [x, w, , u, b, gain] }, dy) {
    // With h = dy b: du = h ∘ gain, db = dyᵀ (u ∘ gain), dgain = Σ rows h ∘ u; b a is never formed.
    const h = matmul(dy, b!);
    const db = matmul(rows(dy), rows(mul(u!, gain!)), { transposeA: true });
    return [...linearPullback(x!, w!, dy), mul(h, gain!), db, sumRows(mul(h, u!))];
  },
  attention: (
    { attributes, operands: [qkv] },
    dy,
  ) => [dy.graph.make("attentionGrad", attributes, [qkv!, dy])],
  crossEntropy({ operands: [logits, labels, mask] }, dy) {
    return [dy.graph.make("crossEntropyGrad", {}, [logits!, labels!, mask!, dy])];
  },
};

const pullbacks = { ...primitivePullbacks, ...compositePullbacks } as Partial<
  Record<OpName, Pullback<OpName>>
>;

/** The derivative of an op, if it has one of its own. */
export function pullbackOf(op: OpName): Pullback<OpName> | undefined {
  return pullbacks[op];
}
