/**
 * Composite ops that ONNX Runtime has fast kernels for, or that become cheaper when the parts of an op and of its
 * derivative are shared. The others are expanded.
 *
 * @module
 */
import type { CompositeName, Tensor } from "../../graph/ops.ts";
import { attention, attentionGrad, softmaxGrad } from "./attention.ts";
import type { LoweringContext } from "./context.ts";
import { mergedWeight } from "./lora.ts";
import { rowShape, withoutReshape } from "./nodes.ts";
import type { Lowering } from "./primitives.ts";

/** Stands for -∞, as in the expansion. */
const MASKED_LOGIT = -1e30;

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

/** x/√2 and Φ(x), which GELU and its derivative share; HardSigmoid's line is (erf + 1) / 2. */
function erfGate(context: LoweringContext, x: string): { readonly scaled: string; readonly gate: string } {
  const { builder } = context;
  return context.once(`erf gate ${x}`, () => {
    const scaled = builder.emit("Mul", [x, builder.scalar(Math.SQRT1_2)]);
    const gate = builder.emit("HardSigmoid", [builder.emit("Erf", [scaled])], {
      attributes: { alpha: 0.5, beta: 0.5 },
    });
    return { scaled, gate };
  });
}

/** Φ(x) + x φ(x); φ's factor is in the exponent. */
function erfGeluSlope(context: LoweringContext, x: string): string {
  const { builder } = context;
  const { scaled, gate } = erfGate(context, x);
  const logFactor = builder.scalar(-0.5 * Math.log(2 * Math.PI));
  const exponent = builder.emit("Sub", [logFactor, builder.emit("Mul", [scaled, scaled])]);
  return builder.emit("Add", [gate, builder.emit("Mul", [x, builder.emit("Exp", [exponent])])]);
}

/** The same for the tanh approximation: with t = tanh(x (a + b x²)), (1 + t) / 2 + x (1 - t²) (a + 3 b x²) / 2. */
function tanhGeluSlope({ builder }: LoweringContext, x: string): string {
  const a = Math.sqrt(2 / Math.PI);
  const b = 0.044715 * a;
  const square = builder.emit("Mul", [x, x]);
  const line = (slope: number, offset: number) =>
    builder.emit("Add", [builder.emit("Mul", [square, builder.scalar(slope)]), builder.scalar(offset)]);
  const bounded = builder.emit("Tanh", [builder.emit("Mul", [x, line(b, a)])]);
  const gate = builder.emit("HardSigmoid", [bounded], { attributes: { alpha: 0.5, beta: 0.5 } });
  const rest = builder.emit("Sub", [builder.scalar(1), builder.emit("Mul", [bounded, bounded])]);
  const gateSlope = builder.emit("Mul", [rest, line(1.5 * b, 0.5 * a)]);
  return builder.emit("Add", [gate, builder.emit("Mul", [x, gateSlope])]);
}

function maskedLogits(context: LoweringContext, logits: Tensor, mask: Tensor): string {
  const { builder } = context;
  return context.once(
    `masked ${logits.id} ${mask.id}`,
    () => builder.emit("Where", [context.logical(mask), context.value(logits), builder.scalar(MASKED_LOGIT)]),
  );
}

/** Mean and inverse deviation of rows, from the forward pass if there is one. */
function statistics(context: LoweringContext, x: Tensor, gamma: Tensor, epsilon: number): Normalised {
  return context.once(
    statisticsKey(x, epsilon),
    () => layerNormalization(context, [context.rows(x), context.value(gamma)], epsilon),
  );
}

function statisticsKey(x: Tensor, epsilon: number): string {
  return `statistics ${withoutReshape(x).id} ${x.shape.at(-1)} ${epsilon}`;
}

/** Lowerings of composites; `"expand"` runs the expansion instead. */
export const compositeLowerings: { readonly [K in CompositeName]: Lowering<K> | "expand" } = {
  softmaxGrad: (context, { operands: [y, dy] }) =>
    softmaxGrad(context, context.value(y!), context.value(dy!)),
  gelu(context, { attributes: { kind }, operands: [x] }) {
    const { name, shape } = context.stored(x!);
    if (kind === "erf" && context.isReadBy("geluGrad", x!)) {
      // Bit for bit what ONNX Runtime's Gelu gives, and the error function is computed once.
      return { name: context.builder.emit("Mul", [name, erfGate(context, name).gate]), shape };
    }
    const approximate = kind === "erf" ? "none" : "tanh";
    return { name: context.builder.emit("Gelu", [name], { attributes: { approximate } }), shape };
  },
  geluGrad(context, node) {
    const { attributes: { kind }, operands } = node;
    const { names: [x, dy], shape } = context.elementwise(operands, node.shape);
    const slope = kind === "erf" ? erfGeluSlope(context, x!) : tanhGeluSlope(context, x!);
    return { name: context.builder.emit("Mul", [slope, dy!]), shape };
  },
  layerNorm(context, { attributes: { epsilon }, operands: [x, gamma, beta] }) {
    const inputs = [context.rows(x!), context.value(gamma!), context.value(beta!)];
    const result = layerNormalization(context, inputs, epsilon);
    context.once(statisticsKey(x!, epsilon), () => result);
    return { name: result.y, shape: rowShape(x!.shape) };
  },
  layerNormGrad(context, { attributes: { epsilon }, operands: [x, gamma, dy] }) {
    const { builder } = context;
    const { mean, inverseDeviation } = statistics(context, x!, gamma!, epsilon);
    const normal = builder.emit("Mul", [builder.emit("Sub", [context.rows(x!), mean]), inverseDeviation]);
    const slope = builder.emit("Mul", [context.rows(dy!), context.value(gamma!)]);
    const average = context.meanLast(slope);
    const overlap = context.meanLast(builder.emit("Mul", [slope, normal]));
    const projected = builder.emit("Add", [builder.emit("Mul", [normal, overlap]), average]);
    const centred = builder.emit("Sub", [slope, projected]);
    return { name: builder.emit("Mul", [centred, inverseDeviation]), shape: rowShape(x!.shape) };
  },
  linear(context, { operands: [x, w, bias], shape }) {
    const rows = rowShape(shape);
    const name = context.affine(context.rows(x!), context.value(w!), context.value(bias!), rows);
    return { name, shape: rows };
  },
  loraLinear(context, node) {
    const { operands: [x, w, bias, u, b, gain] } = node;
    const shape = rowShape(node.shape);
    const merged = mergedWeight(context, node);
    const weight = merged ?? context.value(w!);
    const product = context.affine(context.rows(x!), weight, context.value(bias!), shape);
    if (merged !== undefined) return { name: product, shape };
    const gated = context.builder.emit("Mul", [context.rows(u!), context.value(gain!)]);
    return { name: context.gemm(gated, context.value(b!), { transposeB: true }, product), shape };
  },
  attention,
  attentionGrad,
  crossEntropy(context, { operands: [logits, labels, mask], shape }) {
    const { builder } = context;
    const logs = builder.emit("LogSoftmax", [maskedLogits(context, logits!, mask!)]);
    const column = context.as(labels!, [...shape, 1]);
    const picked = builder.emit("GatherElements", [logs, column], { attributes: { axis: { int: 1 } } });
    return { name: builder.emit("Neg", [picked]), shape: [...shape, 1] };
  },
  crossEntropyGrad(context, { operands: [logits, labels, mask, dy], shape }) {
    const { builder } = context;
    const probabilities = context.softmax(maskedLogits(context, logits!, mask!));
    const target = context.oneHot(labels!, shape[1]!);
    const surplus = builder.emit("Sub", [probabilities, target]);
    return builder.emit("Mul", [surplus, context.as(dy!, [shape[0]!, 1])]);
  },
  prune: "expand",
  tiesMerge: "expand",
  dropRescale: "expand",
  loraGram: "expand",
  adamwStep: "expand",
  sgdStep: "expand",
};
