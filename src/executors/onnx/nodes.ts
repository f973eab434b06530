/**
 * What lowerings ask about program nodes: shapes as rows, what is behind a reshape, who reads a value.
 *
 * @module
 */
import { sameShape, type Shape, sizeOf } from "../../core/shape.ts";
import type { NodeOf, OpName, Tensor } from "../../graph/ops.ts";

/** [..., d] as [rows, d]. */
export function rowShape(shape: Shape): readonly [rows: number, width: number] {
  const width = shape.at(-1) ?? 1;
  return [sizeOf(shape) / width, width];
}

/**
 * The shape in which an operand broadcasts to `target` as it does to `result`, where the two have the same
 * elements; undefined if there is none.
 */
export function movedShape(operand: Shape, result: Shape, target: Shape): Shape | undefined {
  if (sameShape(operand, result)) return target;
  if (sizeOf(operand) === 1) return [];
  if (sameShape(result, target)) return operand;
  const width = result.at(-1);
  if (width !== target.at(-1)) return undefined;
  if (operand.at(-1) === width && sizeOf(operand) === width) return [width!];
  return sameShape(operand, [...result.slice(0, -1), 1]) ? [...target.slice(0, -1), 1] : undefined;
}

/** A node without the reshapes around it. */
export function withoutReshape(tensor: Tensor): Tensor {
  let source = tensor;
  while (source.op === "reshape") source = source.operands[0]!;
  return source;
}

/** The one number a node stands for, if it is a constant scalar or a broadcast of one. */
export function constantNumber(tensor: Tensor): number | undefined {
  const source = tensor.op === "broadcast" ? tensor.operands[0]! : tensor;
  const data = source.op === "constant" ? (source as NodeOf<"constant">).attributes.data : undefined;
  return data?.length === 1 ? data[0] : undefined;
}

/** Who reads the values of a program. */
export class Readers {
  readonly #counts = new Map<Tensor, number>();
  readonly #firstOperands = new Set<string>();

  /**
   * @param results Nodes that are read as outputs or updates, as often as they are
   */
  constructor(nodes: readonly Tensor[], results: readonly Tensor[]) {
    for (const tensor of [...nodes.flatMap(({ operands }) => operands), ...results]) {
      this.#counts.set(tensor, this.count(tensor) + 1);
    }
    for (const { op, operands: [x] } of nodes) {
      if (x) this.#firstOperands.add(Readers.#key(op, x));
    }
  }

  /** How many operand slots and results a node fills. */
  count(tensor: Tensor): number {
    return this.#counts.get(tensor) ?? 0;
  }

  /** Whether a node of an op has this value, in some shape, as its first operand. */
  has(op: OpName, tensor: Tensor): boolean {
    return this.#firstOperands.has(Readers.#key(op, tensor));
  }

  static #key(op: OpName, tensor: Tensor): string {
    return `${op} ${withoutReshape(tensor).id}`;
  }
}
