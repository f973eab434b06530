/**
 * What a program costs by definition, whatever an executor makes of it: floating-point operations and bytes moved.
 *
 * Conventions:
 * - An addition, multiplication, comparison, selection or function of one element is 1 FLOP; so a multiply-add is 2, and
 *   a matrix product of m x k by k x n is 2 m n k. A reduction is 1 FLOP for each element that it reads.
 * - Moving or converting values and generating indices, one-hot rows or hashed numbers is 0 FLOP.
 * - Bytes are those of each distinct operand, read once, and of the result, written once: 4 an element, 1 of `u8`.
 *   Inputs, states and constants cost where they are read. A reshape moves nothing; a slice or a gather reads only what
 *   it gives.
 * - A composite op has the FLOP of its definition (`expand.ts`), common subexpressions once, and the bytes of one
 *   pass: intermediate values of a definition are not traffic. So the derivative of attention counts the scores
 *   that it computes anew, even where an executor keeps those of the forward pass.
 * - A node counts once however often it is used, and nothing that no output or update needs counts.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import { expand } from "./expand.ts";
import { type Program, trace } from "./graph.ts";
import { type CompositeName, isComposite, type NodeOf, type OpName, type Tensor } from "./ops.ts";

/** Arithmetic and traffic. */
export interface Cost {
  /** Floating-point operations. */
  readonly flop: number;
  /** Read and written, each value once. */
  readonly bytes: number;
}

/** Cost of all nodes of one op. */
export interface OpCost extends Cost {
  /** How many there are. */
  readonly nodes: number;
}

/** Cost of a program, in total and by op. */
export interface ProgramCost extends Cost {
  /** Only ops that occur. */
  readonly byOp: Readonly<Partial<Record<OpName, OpCost>>>;
}

/** Bytes of an element of `f32` or `i32`. */
const ELEMENT = 4;

function elements(tensor: Tensor): number {
  return sizeOf(tensor.shape);
}

type Count<K extends OpName> = (node: NodeOf<K>) => number;

const none = (): number => 0;
const perResult = ({ shape }: { readonly shape: readonly number[] }): number => sizeOf(shape);
const perOperand = ({ operands: [x] }: { readonly operands: readonly Tensor[] }): number => elements(x!);

/** FLOP of one node. */
const flops = {
  input: none,
  state: none,
  constant: none,
  uniform: none,
  unary: perResult,
  binary: perResult,
  where: perResult,
  reduce: perOperand,
  matmul({ attributes: { transposeA }, operands: [a], shape }) {
    const inner = a!.shape.at(transposeA ? -2 : -1)!;
    return 2 * sizeOf(shape) * inner;
  },
  reshape: none,
  transpose: none,
  slice: none,
  pad: none,
  concat: none,
  broadcast: none,
  gather: none,
  scatterAdd: perOperand,
  oneHot: none,
  fromBytes: none,
  // Peak, difference, exponential, sum, quotient.
  softmax: (node) => 5 * perResult(node),
  // Magnitudes; how many comparisons find the k-th depends on the way.
  topKThreshold: perOperand,
  softmaxGrad: "definition",
  gelu: "definition",
  geluGrad: "definition",
  layerNorm: "definition",
  layerNormGrad: "definition",
  linear: "definition",
  loraLinear: "definition",
  attention: "definition",
  attentionGrad: "definition",
  crossEntropy: "definition",
  crossEntropyGrad: "definition",
  prune: "definition",
  tiesMerge: "definition",
  dropRescale: "definition",
  loraGram: "definition",
  adamwStep: "definition",
  sgdStep: "definition",
} as const satisfies { readonly [K in OpName]: K extends CompositeName ? "definition" : Count<K> };

/** Bytes moved by one node. */
function bytesOf(node: Tensor): number {
  const result = elements(node);
  switch (node.op) {
    case "input":
    case "state":
    case "constant":
    case "reshape":
      return 0;
    case "fromBytes":
      return (1 + ELEMENT) * result;
    case "slice":
      return ELEMENT * 2 * result;
    case "gather":
      return ELEMENT * (2 * result + elements(node.operands[1]!));
    default: {
      const read = [...new Set(node.operands)].reduce((sum, operand) => sum + elements(operand), 0);
      return ELEMENT * (read + result);
    }
  }
}

/** Nodes that an output or update needs. */
function needed({ outputs, updates }: Program): Set<Tensor> {
  const found = new Set<Tensor>();
  const pending = [...Object.values(outputs), ...Object.values(updates)];
  while (pending.length > 0) {
    const node = pending.pop()!;
    if (found.has(node)) continue;
    found.add(node);
    pending.push(...node.operands);
  }
  return found;
}

/** The definition of a composite node as a program of its own. */
function definitionOf(node: Tensor): Program {
  const alone = trace((graph) => {
    const copies = new Map([...new Set(node.operands)].map((operand, i) => [
      operand,
      graph.input(String(i), operand.shape, operand.dtype),
    ]));
    graph.output("y", graph.make(node.op, node.attributes, node.operands.map((x) => copies.get(x)!)));
  });
  return expand(alone);
}

/** What the FLOP of a composite node follow from. */
function definitionKey({ op, attributes, operands }: Tensor): string {
  const places = operands.map((operand) => operands.indexOf(operand));
  return JSON.stringify([op, attributes, operands.map(({ shape }) => shape), places]);
}

/**
 * Cost of a program under the conventions above. Takes time in proportion to its nodes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { costOf, matmul, trace } from "@growing-tasks/ham-bench/graph";
 *
 * const program = trace((graph) => {
 *   graph.output("y", matmul(graph.input("a", [2, 3]), graph.input("b", [3, 5])));
 * });
 * const { flop, bytes } = costOf(program);
 * assert.equal(flop, 2 * (2 * 3 * 5));
 * assert.equal(bytes, 4 * (6 + 15 + 10));
 * ```
 */
export function costOf(program: Program): ProgramCost {
  const known = new Map<string, number>();
  const flopOf = (node: Tensor): number => {
    if (!isComposite(node)) return (flops[node.op] as Count<OpName>)(node as unknown as NodeOf<OpName>);
    const key = definitionKey(node as Tensor);
    const flop = known.get(key) ?? costOf(definitionOf(node as Tensor)).flop;
    known.set(key, flop);
    return flop;
  };
  const byOp: Partial<Record<OpName, OpCost>> = {};
  const total = { flop: 0, bytes: 0 };
  for (const node of needed(program)) {
    const [flop, bytes] = [flopOf(node), bytesOf(node)];
    const before = byOp[node.op] ?? { nodes: 0, flop: 0, bytes: 0 };
    byOp[node.op] = { nodes: before.nodes + 1, flop: before.flop + flop, bytes: before.bytes + bytes };
    total.flop += flop;
    total.bytes += bytes;
  }
  return { ...total, byOp };
}
