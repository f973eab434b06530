/**
 * The primitive ops in ONNX, ordered as in the op set.
 *
 * @module
 */
import { hash32, hashToUnit } from "../../core/rng.ts";
import { type Shape, sizeOf } from "../../core/shape.ts";
import type { BinaryFn, NodeOf, OpName, PrimitiveName, Tensor, UnaryFn } from "../../graph/ops.ts";
import { leadingAttention } from "./attention.ts";
import type { LoweringContext, View } from "./context.ts";
import { loraInputGrad, stackedProduct } from "./lora.ts";
import { constantNumber } from "./nodes.ts";
import { cut, cutBlock, product } from "./product.ts";

/** Emits the ONNX nodes of a program node and says what has become of it: a value in the node's shape, or a view. */
export type Lowering<K extends OpName> = (context: LoweringContext, node: NodeOf<K>) => string | View;

/** Bound by `lowerProgram` itself. */
type BoundElsewhere = "input" | "state" | "reshape";

const unaryTypes: { readonly [K in UnaryFn]: string } = {
  neg: "Neg",
  exp: "Exp",
  log: "Log",
  sqrt: "Sqrt",
  reciprocal: "Reciprocal",
  abs: "Abs",
  sign: "Sign",
  tanh: "Tanh",
  erf: "Erf",
  relu: "Relu",
};

const binaryTypes: { readonly [K in Exclude<BinaryFn, "greater" | "greaterEqual" | "equal">]: string } = {
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  maximum: "Max",
  minimum: "Min",
};

/** A product that only this multiplication by a number reads, and the number: one scaled product. */
function scaledMatmul(context: LoweringContext, operands: readonly Tensor[]): string | undefined {
  for (const [i, product] of operands.entries()) {
    const alpha = constantNumber(operands[1 - i]!);
    if (product.op !== "matmul" || alpha === undefined || !context.usedOnce(product)) continue;
    const [a, b] = product.operands.map((operand) => context.value(operand)) as [string, string];
    return context.matmul(a, b, product.shape.length, { ...product.attributes, alpha });
  }
  return undefined;
}

function uniformValues(seed: number, shape: Shape): Float32Array {
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => hashToUnit(hash32(seed, i)));
}

/** Lowerings of all primitives that need nodes. */
export const primitiveLowerings: { readonly [K in Exclude<PrimitiveName, BoundElsewhere>]: Lowering<K> } = {
  constant({ builder }, { attributes: { data, shape } }) {
    return builder.constant(data instanceof Int32Array ? data : Float32Array.from(data), shape);
  },
  uniform({ builder }, { attributes: { seed, shape } }) {
    return builder.constant(uniformValues(seed, shape), shape, "uniform");
  },
  unary(context, { attributes, operands: [x] }) {
    const { name, shape } = context.stored(x!);
    return { name: context.builder.emit(unaryTypes[attributes.fn], [name]), shape };
  },
  binary(context, node) {
    const { attributes: { fn }, operands } = node;
    if (fn === "greater" || fn === "greaterEqual" || fn === "equal") {
      return context.cast(context.logical(node as Tensor), "float");
    }
    if (fn === "mul") {
      const product = scaledMatmul(context, operands);
      if (product !== undefined) return product;
    }
    if (fn === "add") {
      const merged = loraInputGrad(context, operands);
      if (merged) return merged;
    }
    const { names, shape } = context.elementwise(operands, node.shape);
    return { name: context.builder.emit(binaryTypes[fn], names), shape };
  },
  where(context, { operands: [condition, a, b] }) {
    return context.builder.emit("Where", [
      context.logical(condition!),
      context.value(a!),
      context.value(b!),
    ]);
  },
  reduce(context, { attributes: { fn, axes }, operands: [x] }) {
    const { builder } = context;
    if (fn === "sum" && x!.shape.length === 2 && axes.length === 1 && axes[0] === 0) {
      return context.sumRows(context.value(x!), x!.shape[0]!);
    }
    return builder.emit(fn === "sum" ? "ReduceSum" : "ReduceMax", [context.value(x!), builder.ints(axes)]);
  },
  matmul(context, node) {
    const { attributes, operands: [a, b], shape } = node;
    if (shape.length === 2) {
      return stackedProduct(context, node) ?? product(context, a!, context.value(b!), shape, attributes);
    }
    return context.matmul(context.value(a!), context.value(b!), shape.length, attributes);
  },
  transpose(context, { attributes: { perm }, operands: [x] }) {
    return context.transpose(context.value(x!), perm);
  },
  slice(context, node) {
    const { attributes: { starts, sizes }, operands: [x] } = node;
    return leadingAttention(context, node) ?? cutBlock(context, x!, starts, sizes) ??
      cut(context, context.value(x!), x!.shape, starts, sizes);
  },
  pad(context, { attributes: { before, after }, operands: [x] }) {
    return context.builder.emit("Pad", [context.value(x!), context.builder.ints([...before, ...after])]);
  },
  concat(context, { attributes: { axis }, operands }) {
    // What is named last runs first (`order.ts`): gradients of the first block, which need the least of the forward pass.
    const names = operands.toReversed().map((operand) => context.value(operand)).reverse();
    return context.concat(names, axis);
  },
  broadcast(context, { attributes: { shape }, operands: [x] }) {
    return context.builder.emit("Expand", [context.value(x!), context.builder.ints(shape)]);
  },
  gather(context, { operands: [table, index] }) {
    return context.builder.emit("Gather", [context.value(table!), context.value(index!)]);
  },
  scatterAdd(context, { operands: [updates, index], shape }) {
    const { builder } = context;
    const column = context.reshape(
      context.value(index!),
      updates!.shape.map((size, axis) => axis === 0 ? size : 1),
    );
    const target = builder.emit("Expand", [builder.scalar(0), builder.ints(shape)]);
    // ScatterElements wants one index per element; it adds in order, so results do not depend on threads.
    const indices = builder.emit("Expand", [column, builder.ints(updates!.shape)]);
    return builder.emit("ScatterElements", [target, indices, context.value(updates!)], {
      attributes: { axis: { int: 0 }, reduction: "add" },
    });
  },
  oneHot: (context, { attributes: { depth }, operands: [index] }) => context.oneHot(index!, depth),
  fromBytes(context, { operands: [x] }) {
    const { name, shape } = context.stored(x!);
    return { name: context.cast(name, "float"), shape };
  },
  softmax(context, { operands: [x] }) {
    return context.softmax(context.value(x!));
  },
  topKThreshold(context, { attributes: { k }, operands: [x] }) {
    const { builder } = context;
    const magnitudes = builder.emit("Abs", [context.reshape(context.value(x!), [sizeOf(x!.shape)])]);
    const [largest] = builder.emitMany("TopK", [magnitudes, builder.ints([k])], 2);
    return builder.emit("ReduceMin", [largest!], { attributes: { keepdims: { int: 0 } } });
  },
};
