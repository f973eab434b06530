/**
 * What the lowering of an op works with: the values of program nodes, and the few combinations of ONNX nodes
 * that several ops share.
 *
 * @module
 */
import { sameShape, type Shape } from "../../core/shape.ts";
import type { BinaryFn, OpName, Tensor } from "../../graph/ops.ts";
import type { AttributeValue, ModelBuilder } from "./builder.ts";
import { movedShape, type Readers, rowShape } from "./nodes.ts";

/** Elements from which on a separate addition of the bias was measured to pay. */
const LARGE_RESULT = 2 ** 18;

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

/** An ONNX value and the shape it has. */
export interface View {
  readonly name: string;
  readonly shape: Shape;
  /** The same as equal blocks of columns, each [rows, width], if it was made that way. */
  readonly columns?: readonly string[];
  /** The same as equal blocks of rows, each [height, width], if it was made that way. */
  readonly rowBlocks?: readonly string[];
}

/**
 * One value in all the shapes it is used in: reshaping moves nothing, so a chain of ops can stay in the shape it
 * began with, and each other shape is named once.
 */
interface Value {
  readonly stored: View;
  readonly names: Map<string, string>;
}

/** Per-program state of a lowering. */
export class LoweringContext {
  readonly builder: ModelBuilder;
  /** Use only ops of the ONNX standard, and add every bias within its product. */
  readonly portable: boolean;
  readonly #values = new Map<Tensor, Value>();
  readonly #shared = new Map<string, unknown>();
  readonly #readers: Readers;

  constructor(builder: ModelBuilder, readers: Readers, portable: boolean) {
    this.builder = builder;
    this.portable = portable;
    this.#readers = readers;
  }

  /** Says what a node has become. */
  bind(tensor: Tensor, stored: View): void {
    this.#values.set(tensor, { stored, names: new Map([[stored.shape.join(), stored.name]]) });
  }

  /** Gives a node the value of another of the same size. */
  alias(tensor: Tensor, source: Tensor): void {
    this.#values.set(tensor, this.#valueOf(source));
  }

  /** The value of a node in the shape it was made in. */
  stored(tensor: Tensor): View {
    return this.#valueOf(tensor).stored;
  }

  /** The value of a node in a shape of the same size. */
  as(tensor: Tensor, shape: Shape): string {
    const { stored, names } = this.#valueOf(tensor);
    const key = shape.join();
    const name = names.get(key) ?? this.reshape(stored.name, shape);
    names.set(key, name);
    return name;
  }

  /** The value of a node in the node's shape. */
  value(tensor: Tensor): string {
    return this.as(tensor, tensor.shape);
  }

  /** The value of a node [..., d] as [rows, d]. */
  rows(tensor: Tensor): string {
    return this.as(tensor, rowShape(tensor.shape));
  }

  /** Whether nothing but one operand slot of one node reads this node. */
  usedOnce(tensor: Tensor): boolean {
    return this.#readers.count(tensor) === 1;
  }

  /** Whether a node of an op has this value as its first operand. */
  isReadBy(op: OpName, tensor: Tensor): boolean {
    return this.#readers.has(op, tensor);
  }

  /** Makes something once per key, such as statistics that an op and its derivative both need. */
  once<T>(key: string, make: () => T): T {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key) as T;
  }

  /** What was made under a key, if it was. */
  known<T>(key: string): T | undefined {
    return this.#shared.get(key) as T | undefined;
  }

  /**
   * Operands of an elementwise op with a result of `shape`, and the shape to compute it in. ONNX broadcasts, so an
   * explicit broadcast is looked through; and an operand as large as the result keeps its stored shape: one stored as
   * rows, the form of products and norms, or else the first.
   */
  elementwise(
    operands: readonly Tensor[],
    shape: Shape,
  ): { readonly names: string[]; readonly shape: Shape } {
    const full = operands.filter((operand) => operand.op !== "broadcast" && sameShape(operand.shape, shape))
      .map((operand) => this.stored(operand).shape);
    if (full.length === 0) return { names: operands.map((operand) => this.value(operand)), shape };
    const sources = operands.map((operand) => operand.op === "broadcast" ? operand.operands[0]! : operand);
    const target = full.find(({ length }) => length === 2) ?? full[0]!;
    const shapes = sources.map((source) => movedShape(source.shape, shape, target));
    return shapes.every((found) => found !== undefined)
      ? { names: sources.map((source, i) => this.as(source, shapes[i]!)), shape: target }
      : { names: sources.map((source) => this.value(source)), shape };
  }

  /** A value in the node's shape as ONNX bool: true where it is not 0. */
  logical(tensor: Tensor): string {
    return this.once(`logical ${tensor.id}`, () => {
      const comparison = tensor.op === "binary" ? comparisons[tensor.attributes.fn] : undefined;
      return comparison
        ? this.builder.emit(comparison, tensor.operands.map((operand) => this.value(operand)))
        : this.cast(this.value(tensor), "bool");
    });
  }

  cast(value: string, to: "bool" | "float"): string {
    return this.builder.emit("Cast", [value], { attributes: { to: { int: to === "bool" ? 9 : 1 } } });
  }

  /** index [...at] as [...at, depth] with 1 at each index. */
  oneHot(index: Tensor, depth: number): string {
    const classes = this.builder.constant(Int32Array.from({ length: depth }, (_, i) => i), [depth]);
    const column = this.as(index, [...index.shape, 1]);
    return this.cast(this.builder.emit("Equal", [column, classes]), "float");
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

  /** Mean over the last axis, which stays with size 1. */
  meanLast(value: string): string {
    return this.builder.emit("ReduceMean", [value, this.builder.ints([-1])]);
  }

  /** Sum of the rows of a matrix, as one row. A product with ones is several times as fast as a reduction. */
  sumRows(value: string, rows: number): string {
    return this.gemm(this.builder.constant(new Float32Array(rows).fill(1), [1, rows], `ones ${rows}`), value);
  }

  /** Elements [start, start + size) of one axis. */
  narrow(value: string, axis: number, start: number, size: number): string {
    const { builder } = this;
    return builder.emit("Slice", [
      value,
      builder.ints([start]),
      builder.ints([start + size]),
      builder.ints([axis]),
    ]);
  }

  /** Equal parts along an axis. */
  split(value: string, axis: number, count: number): string[] {
    return this.once(
      `split ${value} ${axis} ${count}`,
      () =>
        this.builder.emitMany("Split", [value], count, {
          attributes: { axis: { int: axis }, num_outputs: { int: count } },
        }),
    );
  }

  concat(values: readonly string[], axis: number): string {
    return this.builder.emit("Concat", values, { attributes: { axis: { int: axis } } });
  }

  /** a b + addend for matrices; the addend is a matrix or one row. */
  gemm(a: string, b: string, form: MatmulForm = {}, addend?: string): string {
    const { transposeA = false, transposeB = false, alpha = 1 } = form;
    return this.builder.emit("Gemm", addend === undefined ? [a, b] : [a, b, addend], {
      attributes: { transA: { int: Number(transposeA) }, transB: { int: Number(transposeB) }, alpha },
    });
  }

  /**
   * x wᵀ + bias for matrices. ONNX Runtime lays the bias out in one thread before a product; for a large result
   * a second pass with all threads is faster.
   */
  affine(x: string, w: string, bias: string, [rows, outputs]: readonly [number, number]): string {
    const form = { transposeB: true };
    return this.portable || rows * outputs < LARGE_RESULT
      ? this.gemm(x, w, form, bias)
      : this.builder.emit("Add", [this.gemm(x, w, form), bias]);
  }

  /** a b over the last two axes of `rank`. */
  matmul(a: string, b: string, rank: number, form: MatmulForm = {}): string {
    if (rank === 2) return this.gemm(a, b, form);
    const { transposeA = false, transposeB = false, alpha = 1 } = form;
    if (!this.portable) {
      const flags: Record<string, AttributeValue> = {
        transA: { int: Number(transposeA) },
        transB: { int: Number(transposeB) },
        alpha,
      };
      return this.builder.emit("FusedMatMul", [a, b], { domain: "com.microsoft", attributes: flags });
    }
    const swap = Array.from({ length: rank }, (_, axis) => axis < rank - 2 ? axis : 2 * rank - 3 - axis);
    const product = this.builder.emit("MatMul", [
      transposeA ? this.transpose(a, swap) : a,
      transposeB ? this.transpose(b, swap) : b,
    ]);
    return alpha === 1 ? product : this.builder.emit("Mul", [product, this.builder.scalar(alpha)]);
  }

  #valueOf(tensor: Tensor): Value {
    const value = this.#values.get(tensor);
    if (!value) throw new TypeError(`Cannot lower: ${tensor.op} ${tensor.id} is used before it is made`);
    return value;
  }
}
