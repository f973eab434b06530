/**
 * LoRA with the update merged into the weight. With more rows than inputs, forming W + B diag(gain) A once a step
 * is cheaper than carrying x through the thin factors, and the product has no second pass over its result.
 *
 * Factors of several sites of one projection are stacked: B has their columns side by side, with zero rows around
 * each. Where every site has its own block of rows, such as q or v of a packed projection, the zeros are left out;
 * adding them would not change a bit.
 *
 * @module
 */
import { sizeOf } from "../../core/shape.ts";
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import type { LoweringContext, View } from "./context.ts";
import { withoutReshape } from "./nodes.ts";
import { type Blocks, columnsOf, product } from "./product.ts";

/** One site within stacked factors. */
interface Part {
  /** [height, ranks] */
  readonly b: Tensor;
  /** First row of the projection. */
  readonly row: number;
  /** First rank of the stack. */
  readonly rank: number;
}

/** A matrix without zero rows around it, and its first row. */
function withoutRows(tensor: Tensor): { readonly b: Tensor; readonly row: number } {
  if (tensor.op !== "pad") return { b: tensor, row: 0 };
  const { before, after } = tensor.attributes;
  const onlyRows = before.length === 2 && before[1] === 0 && after[1] === 0;
  return onlyRows ? { b: tensor.operands[0]!, row: before[0]! } : { b: tensor, row: 0 };
}

/** The part in each of `count` equal blocks of a stacked B's rows; undefined unless each part fills one of its own. */
function partsByBlock(b: Tensor, count: number): readonly (Part | undefined)[] | undefined {
  const stacked = b.op === "concat" && b.attributes.axis === 1 ? b.operands : [b];
  const height = b.shape[0]! / count;
  const blocks = new Array<Part | undefined>(count).fill(undefined);
  let rank = 0;
  for (const columns of stacked) {
    const part = { ...withoutRows(columns), rank };
    const block = part.row / height;
    if (part.b.shape[0] !== height || !Number.isInteger(block) || blocks[block]) return undefined;
    blocks[block] = part;
    rank += columns.shape[1]!;
  }
  return blocks;
}

/** Elements [start, start + size) of a node's first axis; a piece of a concatenation as it is. */
function leadingPart(context: LoweringContext, tensor: Tensor, start: number, size: number): string {
  let offset = 0;
  for (const piece of tensor.op === "concat" && tensor.attributes.axis === 0 ? tensor.operands : [tensor]) {
    if (offset === start && piece.shape[0] === size) return context.value(piece);
    offset += piece.shape[0]!;
  }
  return context.narrow(context.value(tensor), 0, start, size);
}

function mergedKey(form: "whole" | "blocks", w: Tensor, b: Tensor, gain: Tensor, a: Tensor): string {
  return `merged ${form} ${w.id} ${b.id} ${gain.id} ${a.id}`;
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

/** The factor A of a projection, if merging the update pays. */
function mergeableFactor({ operands }: NodeOf<"loraLinear">): Tensor | undefined {
  const [x, , , u] = operands as readonly [Tensor, Tensor, Tensor, Tensor];
  const inputs = x.shape.at(-1)!;
  return sizeOf(x.shape) / inputs > inputs ? downFactor(x, u) : undefined;
}

/** The weight of a LoRA projection with its update, or undefined if that does not pay. */
export function mergedWeight(context: LoweringContext, node: NodeOf<"loraLinear">): string | undefined {
  const [, w, , , b, gain] = node.operands as readonly Tensor[];
  const a = mergeableFactor(node);
  return a && context.once(mergedKey("whole", w!, b!, gain!, a), () => {
    const gated = context.builder.emit("Mul", [context.value(b!), context.value(gain!)]);
    return context.gemm(gated, context.value(a), {}, context.value(w!));
  });
}

/** The same in equal blocks of rows. A block that no site adapts is that of the weight. */
export function mergedBlocks(
  context: LoweringContext,
  node: NodeOf<"loraLinear">,
  count: number,
): readonly string[] | undefined {
  const [, w, , , b, gain] = node.operands as readonly Tensor[];
  const a = mergeableFactor(node);
  const parts = partsByBlock(b!, count);
  if (!a) return undefined;
  if (!parts) return context.split(mergedWeight(context, node)!, 0, count);
  return context.once(mergedKey("blocks", w!, b!, gain!, a), () => {
    const weights = context.split(context.value(w!), 0, count);
    return parts.map((part, i) => {
      if (!part) return weights[i]!;
      const [, ranks] = part.b.shape as readonly [number, number];
      const gains = leadingPart(context, gain!, part.rank, ranks);
      const gated = context.builder.emit("Mul", [context.value(part.b), gains]);
      return context.gemm(gated, leadingPart(context, a, part.rank, ranks), {}, weights[i]);
    });
  });
}

/** dy b for a gradient in blocks of columns and stacked factors, each block with the site it belongs to. */
export function stackedProduct(context: LoweringContext, { attributes, operands }: NodeOf<"matmul">) {
  const [dy, b] = operands as readonly [Tensor, Tensor];
  const columns = columnsOf(context, dy);
  if (!columns || attributes.transposeA || attributes.transposeB) return undefined;
  const products = partsByBlock(b, columns.length)?.flatMap((part, i) =>
    part ? [{ rank: part.rank, name: context.gemm(columns[i]!, context.value(part.b)) }] : []
  );
  const names = products?.sort((one, other) => one.rank - other.rank).map(({ name }) => name);
  return names && (names.length === 1 ? names[0] : context.concat(names, 1));
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
  const inner = withoutReshape(down);
  if (inner.op !== "matmul" || inner.attributes.transposeA || inner.attributes.transposeB) return undefined;
  const [again, b] = inner.operands as readonly [Tensor, Tensor];
  const known = (form: "whole" | "blocks") => context.known<Blocks>(mergedKey(form, w, b, gain, a));
  const merged = known("blocks") ?? known("whole");
  if (merged === undefined || withoutReshape(again) !== withoutReshape(dy)) return undefined;
  return product(context, dy, merged, plain.shape);
}
