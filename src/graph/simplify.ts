/**
 * Local algebraic rules, applied as nodes are made: a node that equals one of its operands, or a shorter form of
 * it, is never created. Only rules that keep the value bit for bit on every executor are here, so simplification
 * never changes a result.
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

const rules: Rules = {
  unary({ attributes, operands: [x] }) {
    if (attributes.fn === "neg" && x!.op === "unary" && x!.attributes.fn === "neg") return x!.operands[0]!;
    return undefined;
  },
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
  reshape({ attributes, operands: [x], graph }) {
    if (sameShape(attributes.shape, x!.shape)) return x!;
    return x!.op === "reshape" ? graph.make("reshape", attributes, x!.operands) : undefined;
  },
  transpose({ attributes: { perm }, operands: [x], graph }) {
    if (perm.every((axis, i) => axis === i)) return x!;
    if (x!.op !== "transpose") return undefined;
    const inner = x!.attributes.perm;
    return graph.make("transpose", { perm: perm.map((axis) => inner[axis]!) }, x!.operands);
  },
  slice({ shape, attributes: { starts }, operands: [x], graph }) {
    if (sameShape(shape, x!.shape)) return x!;
    if (x!.op !== "slice") return undefined;
    const outer = x!.attributes.starts;
    return graph.make(
      "slice",
      { starts: starts.map((start, i) => start + outer[i]!), sizes: shape },
      x!.operands,
    );
  },
  pad({ attributes: { before, after }, operands: [x] }) {
    return [...before, ...after].every((n) => n === 0) ? x! : undefined;
  },
  concat({ operands }) {
    return operands.length === 1 ? operands[0]! : undefined;
  },
  broadcast({ shape, operands: [x], graph }) {
    if (sameShape(shape, x!.shape)) return x!;
    return x!.op === "broadcast" ? graph.make("broadcast", { shape }, x!.operands) : undefined;
  },
};

/** The simpler node that equals `node`, if a rule knows one. */
export function simplify(node: Tensor): Tensor | undefined {
  return (rules[node.op] as ((node: Tensor) => Tensor | undefined) | undefined)?.(node);
}
