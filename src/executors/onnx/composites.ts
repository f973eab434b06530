/**
 * Composite ops that ONNX Runtime has fast kernels for, or that become cheaper when the parts of an op and of its
 * derivative are shared. The others are expanded.
 *
 * @module
 */
import { type Shape, sizeOf } from "../../core/shape.ts";
import type { CompositeName, Tensor } from "../../graph/ops.ts";
import type { LoweringContext } from "./context.ts";
import type { Lowering } from "./primitives.ts";

/** Stands for -∞, as in the expansion. */
const MASKED_LOGIT = -1e30;

/** [..., d] as [rows, d]. */
function rowsOf(context: LoweringContext, x: Tensor): string {
  const width = x.shape.at(-1)!;
  return x.shape.length === 2
    ? context.value(x)
    : context.reshape(context.value(x), [sizeOf(x.shape) / width, width]);
}

function withShape(context: LoweringContext, value: string, shape: Shape): string {
  return shape.length === 2 ? value : context.reshape(value, shape);
}

interface Normalised {
  readonly y: string;
  /** [..., 1] */
  readonly mean: string;
  /** [..., 1] */
  readonly inverseDeviation: string;
}

function layerNormalization(
  { builder }: LoweringContext,
  inputs: readonly string[],
  epsilon: number,
): Normalised {
  const [y, mean, inverseDeviation] = builder.emitMany("LayerNormalization", inputs, 3, {
    attributes: { axis: { int: -1 }, epsilon },
    required: 1,
  });
  return { y: y!, mean: mean!, inverseDeviation: inverseDeviation! };
}

interface AttentionParts {
  /** Each [batch, heads, tokens, dim / heads] */
  readonly q: string;
  readonly k: string;
  readonly v: string;
  /** [batch, heads, tokens, tokens] */
  readonly weights: string;
  readonly scale: number;
  readonly split: Shape;
}

function attentionParts(context: LoweringContext, qkv: Tensor, heads: number): AttentionParts {
  return context.once(`attention ${qkv.id} ${heads}`, () => {
    const { builder } = context;
    const [batch, tokens, width] = qkv.shape as [number, number, number];
    const headDim = width / 3 / heads;
    const split = [batch, tokens, heads, headDim];
    const parts = builder.emitMany("Split", [context.value(qkv)], 3, {
      attributes: { axis: { int: 2 }, num_outputs: { int: 3 } },
    });
    const [q, k, v] = parts.map((part) => context.transpose(context.reshape(part, split), [0, 2, 1, 3])) as [
      string,
      string,
      string,
    ];
    const scale = 1 / Math.sqrt(headDim);
    const weights = context.softmax(context.matmul(q, k, 4, { transposeB: true, alpha: scale }));
    return { q, k, v, weights, scale, split };
  });
}

function softmaxGrad(context: LoweringContext, y: string, dy: string): string {
  const { builder } = context;
  const inner = context.sumLast(builder.emit("Mul", [y, dy]));
  return builder.emit("Mul", [y, builder.emit("Sub", [dy, inner])]);
}

function maskedLogits(context: LoweringContext, logits: Tensor, mask: Tensor): string {
  const { builder } = context;
  return context.once(
    `masked ${logits.id} ${mask.id}`,
    () => builder.emit("Where", [context.logical(mask), context.value(logits), builder.scalar(MASKED_LOGIT)]),
  );
}

/** Lowerings of composites; `"expand"` runs the expansion instead. */
export const compositeLowerings: { readonly [K in CompositeName]: Lowering<K> | "expand" } = {
  softmaxGrad: (context, { operands: [y, dy] }) =>
    softmaxGrad(context, context.value(y!), context.value(dy!)),
  gelu: (context, { attributes: { kind }, operands: [x] }) =>
    context.builder.emit("Gelu", [context.value(x!)], {
      attributes: { approximate: kind === "erf" ? "none" : "tanh" },
    }),
  geluGrad: "expand",
  layerNorm(context, { attributes: { epsilon }, operands: [x, gamma, beta] }) {
    const result = layerNormalization(
      context,
      [x!, gamma!, beta!].map((operand) => context.value(operand)),
      epsilon,
    );
    // The derivative finds the statistics of its forward pass here.
    context.once(`statistics ${x!.id} ${epsilon}`, () => result);
    return result.y;
  },
  layerNormGrad(context, { attributes: { epsilon }, operands: [x, gamma, dy] }) {
    const { builder } = context;
    const { mean, inverseDeviation } = context.once(
      `statistics ${x!.id} ${epsilon}`,
      () => layerNormalization(context, [context.value(x!), context.value(gamma!)], epsilon),
    );
    const width = builder.scalar(1 / x!.shape.at(-1)!);
    const normal = builder.emit("Mul", [builder.emit("Sub", [context.value(x!), mean]), inverseDeviation]);
    const slope = builder.emit("Mul", [context.value(dy!), context.value(gamma!)]);
    const average = builder.emit("Mul", [context.sumLast(slope), width]);
    const overlap = builder.emit("Mul", [context.sumLast(builder.emit("Mul", [slope, normal])), width]);
    const projected = builder.emit("Add", [average, builder.emit("Mul", [normal, overlap])]);
    return builder.emit("Mul", [builder.emit("Sub", [slope, projected]), inverseDeviation]);
  },
  linear(context, { operands: [x, w, bias], shape }) {
    const y = context.affine(rowsOf(context, x!), context.value(w!), context.value(bias!));
    return withShape(context, y, shape);
  },
  loraLinear(context, { operands: [x, w, bias, u, b, gain], shape }) {
    const frozen = context.affine(rowsOf(context, x!), context.value(w!), context.value(bias!));
    const gated = context.builder.emit("Mul", [rowsOf(context, u!), context.value(gain!)]);
    return withShape(context, context.affine(gated, context.value(b!), frozen), shape);
  },
  attention(context, { attributes: { heads }, operands: [qkv], shape }) {
    const { v, weights } = attentionParts(context, qkv!, heads);
    return context.reshape(context.transpose(context.matmul(weights, v, 4), [0, 2, 1, 3]), shape);
  },
  attentionGrad(context, { attributes: { heads }, operands: [qkv, dy], shape }) {
    const { builder } = context;
    const { q, k, v, weights, scale, split } = attentionParts(context, qkv!, heads);
    const dout = context.transpose(context.reshape(context.value(dy!), split), [0, 2, 1, 3]);
    const dweights = context.matmul(dout, v, 4, { transposeB: true });
    const dscores = softmaxGrad(context, weights, dweights);
    const parts = [
      context.matmul(dscores, k, 4, { alpha: scale }),
      context.matmul(dscores, q, 4, { transposeA: true, alpha: scale }),
      context.matmul(weights, dout, 4, { transposeA: true }),
    ];
    const narrow = [shape[0]!, shape[1]!, shape[2]! / 3];
    return builder.emit(
      "Concat",
      parts.map((part) => context.reshape(context.transpose(part, [0, 2, 1, 3]), narrow)),
      { attributes: { axis: { int: 2 } } },
    );
  },
  crossEntropy(context, { operands: [logits, labels, mask], shape }) {
    const { builder } = context;
    const logs = builder.emit("LogSoftmax", [maskedLogits(context, logits!, mask!)]);
    const column = context.reshape(context.value(labels!), [...shape, 1]);
    const picked = builder.emit("GatherElements", [logs, column], { attributes: { axis: { int: 1 } } });
    return context.reshape(builder.emit("Neg", [picked]), shape);
  },
  crossEntropyGrad: "expand",
  prune: "expand",
  tiesMerge: "expand",
  dropRescale: "expand",
  loraGram: "expand",
  adamwStep: "expand",
  sgdStep: "expand",
};
