/**
 * Local algebraic rules, applied as nodes are made: a node that equals one of its operands, or a shorter form of
 * it, is never created. Only rules that keep the value bit for bit on every executor are here (but for the sign of
 * a zero), so simplification never changes a result.
 *
 * Rules come in two tables because of differentiation. While a graph is traced, any node may become the tensor that
 * somebody differentiates with respect to; a rule that goes around an operand would lose its gradient. So those rules
 * wait until the finished program is lowered (`expand.ts`).
 *
 * @module
 */
import { sameShape } from "../core/shape.ts";
import type { NodeOf, OpName, Tensor } from "./ops.ts";

type Rules = { readonly [K in OpName]?: (node: NodeOf<K>) => Tensor | undefined };

function constantValue(node: Tensor): number | undefined {
  const source = node.op === "broadcast" ? node.operands[0]! : node;
  return source.op === "constant" && source.attributes.data.length === 1
    ? source.attributes.data[0]
    : undefined;
}

const identities: Rules = {
  binary({ attributes, operands: [a, b], shape }) {
    const keeps = (operand: Tensor) => sameShape(operand.shape, shape) ? operand : undefined;
    switch (attributes.fn) {
      case "add":
        return constantValue(b!) === 0 ? keeps(a!) : constantValue(a!) === 0 ? keeps(b!) : undefined;
      case "sub":
        return constantValue(b!) === 0 ? keeps(a!) : undefined;
      case "mul":
        return constantValue(b!) === 1 ? keeps(a!) : constantValue(a!) === 1 ? keeps(b!) : undefined;
      case "div":
        return constantValue(b!) === 1 ? keeps(a!) : undefined;
      default:
        return undefined;
    }
  },
  reshape: ({ shape, operands: [x] }) => sameShape(shape, x!.shape) ? x : undefined,
  transpose: ({ attributes: { perm }, operands: [x] }) => perm.every((axis, i) => axis === i) ? x : undefined,
  slice: ({ shape, operands: [x] }) => sameShape(shape, x!.shape) ? x : undefined,
  pad: ({ shape, operands: [x] }) => sameShape(shape, x!.shape) ? x : undefined,
  concat: ({ operands }) => operands.length === 1 ? operands[0] : undefined,
  broadcast: ({ shape, operands: [x] }) => sameShape(shape, x!.shape) ? x : undefined,
};

const shortcuts: Rules = {
  unary({ attributes: { fn }, operands: [x] }) {
    return fn === "neg" && x!.op === "unary" && x!.attributes.fn === "neg" ? x!.operands[0] : undefined;
  },
  reshape({ attributes, operands: [x], graph }) {
    return x!.op === "reshape" ? graph.make("reshape", attributes, x!.operands) : undefined;
  },
  transpose({ attributes: { perm }, operands: [x], graph }) {
    if (x!.op !== "transpose") return undefined;
    const inner = x!.attributes.perm;
    return graph.make("transpose", { perm: perm.map((axis) => inner[axis]!) }, x!.operands);
  },
  slice({ attributes: { starts, sizes }, operands: [x], graph }) {
    if (x!.op !== "slice") return undefined;
    const outer = x!.attributes.starts;
    return graph.make("slice", { starts: starts.map((start, i) => start + outer[i]!), sizes }, x!.operands);
  },
  broadcast({ attributes, operands: [x], graph }) {
    return x!.op === "broadcast" ? graph.make("broadcast", attributes, x!.operands) : undefined;
  },
};

function apply(rules: Rules, node: Tensor): Tensor | undefined {
  return (rules[node.op] as ((node: Tensor) => Tensor | undefined) | undefined)?.(node);
}

/** The operand that equals `node`, if there is one. */
export function simplify(node: Tensor): Tensor | undefined {
  return apply(identities, node);
}

/** The same value computed from the operands of an operand, if a rule knows how. */
export function shortcut(node: Tensor): Tensor | undefined {
  return apply(shortcuts, node);
}
