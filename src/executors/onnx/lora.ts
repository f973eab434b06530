/**
 * LoRA with the update merged into the weight. With more rows than inputs, forming W + B diag(gain) A once a step
 * is cheaper than carrying x through the thin factors, and the product has no second pass over its result.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import { type LoweringContext, type View, withoutReshape } from "./context.ts";

function mergedKey(w: Tensor, b: Tensor, gain: Tensor, a: Tensor): string {
  return `merged ${w.id} ${b.id} ${gain.id} ${a.id}`;
}

/** The factor A, if u is x Aᵀ of this very x. */
function downFactor(x: Tensor, u: Tensor): Tensor | undefined {
  const product = withoutReshape(u);
  if (product.op !== "matmul" || product.attributes.transposeA || !product.attributes.transposeB) {
    return undefined;
  }
  const [left, a] = product.operands as readonly [Tensor, Tensor];
  return a.shape.length === 2 && withoutReshape(left) === withoutReshape(x) ? a : undefined;
}

/** The weight of a LoRA projection with its update, or undefined if that does not pay. */
export function mergedWeight(context: LoweringContext, node: NodeOf<"loraLinear">): string | undefined {
  const [x, w, , u, b, gain] = node.operands as readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const inputs = x.shape.at(-1)!;
  const a = sizeOf(x.shape) / inputs > inputs ? downFactor(x, u) : undefined;
  if (!a) return undefined;
  return context.once(mergedKey(w, b, gain, a), () => {
    const gated = context.builder.emit("Mul", [context.value(b), context.value(gain)]);
    return context.gemm(gated, context.value(a), {}, context.value(w));
  });
}

/** dy w + (dy b ∘ gain) a, the gradient of x, as one product with the merged weight. */
export function loraInputGrad(context: LoweringContext, [left, right]: readonly Tensor[]): View | undefined {
  return mergedProduct(context, withoutReshape(left!), withoutReshape(right!)) ??
    mergedProduct(context, withoutReshape(right!), withoutReshape(left!));
}

function mergedProduct(context: LoweringContext, plain: Tensor, low: Tensor): View | undefined {
  if (plain.op !== "matmul" || low.op !== "matmul") return undefined;
  if ([plain, low].some(({ attributes }) => attributes.transposeA || attributes.transposeB)) return undefined;
  const [dy, w] = plain.operands as readonly [Tensor, Tensor];
  const [gatedDown, a] = low.operands as readonly [Tensor, Tensor];
  const gated = withoutReshape(gatedDown);
  if (gated.op !== "binary" || gated.attributes.fn !== "mul") return undefined;
  const [down, gain] = gated.operands as readonly [Tensor, Tensor];
  const product = withoutReshape(down);
  if (product.op !== "matmul" || product.attributes.transposeA || product.attributes.transposeB) {
    return undefined;
  }
  const [again, b] = product.operands as readonly [Tensor, Tensor];
  const merged = context.known<string>(mergedKey(w, b, gain, a));
  if (merged === undefined || withoutReshape(again) !== withoutReshape(dy)) return undefined;
  return { name: context.product(dy, merged), shape: plain.shape };
}
