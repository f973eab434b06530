/**
 * What the lowering of an op works with: the values of program nodes, and the few combinations of ONNX nodes
 * that several ops share.
 *
 * @module
 */
import { sameShape, type Shape } from "../../core/shape.ts";
import type { BinaryFn, NodeOf, Tensor } from "../../graph/ops.ts";
import type { AttributeValue, ModelBuilder } from "./builder.ts";

const comparisons: { readonly [K in BinaryFn]?: string } = {
  greater: "Greater",
  greaterEqual: "GreaterOrEqual",
  equal: "Equal",
};

/** How a product is formed; `alpha` scales it. */
export interface MatmulForm {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
}

/** Per-program state of a lowering. */
export class LoweringContext {
  readonly builder: ModelBuilder;
  /** Use only ops of the ONNX standard. */
  readonly portable: boolean;
  readonly #values = new Map<Tensor, string>();
  readonly #shared = new Map<string, unknown>();
  readonly #uses: ReadonlyMap<Tensor, number>;

  constructor(builder: ModelBuilder, uses: ReadonlyMap<Tensor, number>, portable: boolean) {
    this.builder = builder;
    this.portable = portable;
    this.#uses = uses;
  }

  /** The ONNX value of a node that has been lowered. */
  value(tensor: Tensor): string {
    const name = this.#values.get(tensor);
    if (name === undefined) {
      throw new TypeError(`Cannot lower: ${tensor.op} ${tensor.id} is used before it is made`);
    }
    return name;
  }

  bind(tensor: Tensor, name: string): void {
    this.#values.set(tensor, name);
  }

  /** Whether nothing but one operand slot of one node reads this node. */
  usedOnce(tensor: Tensor): boolean {
    return this.#uses.get(tensor) === 1;
  }

  /** Makes something once per key, such as statistics that an op and its derivative both need. */
  once<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  /** Names of the operands of an elementwise op. ONNX broadcasts, so an explicit broadcast is looked through. */
  elementwise(operands: readonly Tensor[], shape: Shape): string[] {
    const looksThrough = operands.some((operand) =>
      operand.op !== "broadcast" && sameShape(operand.shape, shape)
    );
    return operands.map((operand) =>
      this.value(looksThrough && operand.op === "broadcast" ? operand.operands[0]! : operand)
    );
  }

  /** A value as ONNX bool: true where it is not 0. */
  logical(tensor: Tensor): string {
    return this.once(`logical ${tensor.id}`, () => {
      const comparison = tensor.op === "binary" ? comparisons[tensor.attributes.fn] : undefined;
      return comparison
        ? this.builder.emit(comparison, this.elementwise(tensor.operands, tensor.shape))
        : this.cast(this.value(tensor), "bool");
    });
  }

  cast(value: string, to: "bool" | "float"): string {
    return this.builder.emit("Cast", [value], { attributes: { to: { int: to === "bool" ? 9 : 1 } } });
  }

  reshape(value: string, shape: Shape): string {
    return this.builder.emit("Reshape", [value, this.builder.ints(shape)]);
  }

  transpose(value: string, perm: readonly number[]): string {
    return this.builder.emit("Transpose", [value], { attributes: { perm } });
  }

  softmax(value: string): string {
    return this.builder.emit("Softmax", [value], { attributes: { axis: { int: -1 } } });
  }

  /** Sum over the last axis, which stays with size 1. */
  sumLast(value: string): string {
    return this.builder.emit("ReduceSum", [value, this.builder.ints([-1])]);
  }

  /** a b over the last two axes of `rank`. */
  matmul(a: string, b: string, rank: number, form: MatmulForm = {}): string {
    const { transposeA = false, transposeB = false, alpha = 1 } = form;
    const flags: Record<string, AttributeValue> = {
      transA: { int: Number(transposeA) },
      transB: { int: Number(transposeB) },
      alpha,
    };
    if (rank === 2) return this.builder.emit("Gemm", [a, b], { attributes: flags });
    if (!this.portable) {
      return this.builder.emit("FusedMatMul", [a, b], { domain: "com.microsoft", attributes: flags });
    }
    const swap = Array.from({ length: rank }, (_, axis) => axis < rank - 2 ? axis : 2 * rank - 3 - axis);
    const product = this.builder.emit("MatMul", [
      transposeA ? this.transpose(a, swap) : a,
      transposeB ? this.transpose(b, swap) : b,
    ]);
    return alpha === 1 ? product : this.builder.emit("Mul", [product, this.builder.scalar(alpha)]);
  }

  /** x wᵀ + bias, or x wᵀ + a whole matrix. Both matrices have two axes. */
  affine(x: string, w: string, addend: string): string {
    return this.builder.emit("Gemm", [x, w, addend], { attributes: { transB: { int: 1 } } });
  }
}

/** How often each node is read within a program. */
export function countUses(nodes: readonly Tensor[], results: readonly Tensor[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const tensor of [...nodes.flatMap(({ operands }) => operands), ...results]) {
    uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  }
  return uses;
}

/** The one number a node stands for, if it is a constant scalar or a broadcast of one. */
export function constantNumber(tensor: Tensor): number | undefined {
  const source = tensor.op === "broadcast" ? tensor.operands[0]! : tensor;
  const data = source.op === "constant" ? (source as NodeOf<"constant">).attributes.data : undefined;
  return data?.length === 1 ? data[0] : undefined;
}
