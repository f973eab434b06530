/**
 * Attention and its derivative over packed projections. The parts that both need are made once; q, k and v come
 * from three products with parts of the weight where they can, which costs the same as one product and saves
 * cutting its result; and the gradient is handed on in the same three parts.
 *
 * @module
 */
import type { NodeOf, Tensor } from "../../graph/ops.ts";
import type { LoweringContext, View } from "./context.ts";
import { mergedBlocks } from "./lora.ts";
import { withoutReshape } from "./nodes.ts";

/** Sizes of an attention in which only the first `queries` tokens ask. */
interface Sizes {
  readonly batch: number;
  readonly tokens: number;
  readonly queries: number;
  readonly heads: number;
  readonly headDim: number;
}

interface Parts {
  /** [batch, heads, queries, headDim] */
  readonly q: string;
  /** [batch, heads, tokens, headDim] */
  readonly k: string;
  readonly v: string;
  /** [batch, heads, queries, tokens] */
  readonly weights: string;
}

const SWAP_TOKENS_AND_HEADS = [0, 2, 1, 3];

function sizesOf(qkv: Tensor, heads: number, queries = qkv.shape[1]!): Sizes {
  const [batch, tokens, width] = qkv.shape as [number, number, number];
  return { batch, tokens, queries, heads, headDim: width / 3 / heads };
}

/** [batch, count, dim] in any shape as [batch, heads, count, headDim]. */
function splitHeads(
  context: LoweringContext,
  value: string,
  { batch, heads, headDim }: Sizes,
  count: number,
): string {
  return context.transpose(context.reshape(value, [batch, count, heads, headDim]), SWAP_TOKENS_AND_HEADS);
}

/** [batch, heads, count, headDim] as [batch, count, heads, headDim]. */
function joinHeads(context: LoweringContext, value: string): string {
  return context.transpose(value, SWAP_TOKENS_AND_HEADS);
}

/** The first tokens of [batch, tokens, dim] in any shape. */
function leading(
  context: LoweringContext,
  value: string,
  { batch, tokens, queries }: Sizes,
  dim: number,
): string {
  return queries === tokens
    ? value
    : context.narrow(context.reshape(value, [batch, tokens, dim]), 1, 0, queries);
}

/** q of the queries, k and v of all tokens, each with `batch * count` rows of `dim` in some shape. */
function projections(context: LoweringContext, qkv: Tensor, sizes: Sizes): readonly [string, string, string] {
  const { heads, headDim } = sizes;
  const dim = heads * headDim;
  const made = withoutReshape(qkv);
  const weights = made.op === "linear"
    ? context.split(context.value(made.operands[1]!), 0, 3)
    : made.op === "loraLinear"
    ? mergedBlocks(context, made as NodeOf<"loraLinear">, 3)
    : undefined;
  if (weights === undefined) {
    const [q, k, v] = context.split(context.rows(qkv), 1, 3);
    return [leading(context, q!, sizes, dim), k!, v!];
  }
  const [x, , bias] = made.operands as readonly [Tensor, Tensor, Tensor];
  const inputs = x.shape.at(-1)!;
  const all = context.rows(x);
  const asking = sizes.queries === sizes.tokens
    ? all
    : context.reshape(leading(context, all, sizes, inputs), [sizes.batch * sizes.queries, inputs]);
  const biases = context.split(context.value(bias), 0, 3);
  const { batch, queries, tokens } = sizes;
  return [
    context.affine(asking, weights[0]!, biases[0]!, [batch * queries, dim]),
    context.affine(all, weights[1]!, biases[1]!, [batch * tokens, dim]),
    context.affine(all, weights[2]!, biases[2]!, [batch * tokens, dim]),
  ];
}

function scaleOf({ headDim }: Sizes): number {
  return 1 / Math.sqrt(headDim);
}

function partsOf(context: LoweringContext, qkv: Tensor, sizes: Sizes): Parts {
  return context.once(`attention ${qkv.id} ${sizes.heads} ${sizes.queries}`, () => {
    const [rowsQ, rowsK, rowsV] = projections(context, qkv, sizes);
    const q = splitHeads(context, rowsQ, sizes, sizes.queries);
    const k = splitHeads(context, rowsK, sizes, sizes.tokens);
    const v = splitHeads(context, rowsV, sizes, sizes.tokens);
    const scores = context.matmul(q, k, 4, { transposeB: true, alpha: scaleOf(sizes) });
    return { q, k, v, weights: context.softmax(scores) };
  });
}

function attend(context: LoweringContext, qkv: Tensor, sizes: Sizes): View {
  const { batch, queries, heads, headDim } = sizes;
  const { v, weights } = partsOf(context, qkv, sizes);
  const name = joinHeads(context, context.matmul(weights, v, 4));
  return { name, shape: [batch, queries, heads, headDim] };
}

/** The whole attention. */
export function attention(context: LoweringContext, node: NodeOf<"attention">): View {
  const [qkv] = node.operands as readonly [Tensor];
  return attend(context, qkv, sizesOf(qkv, node.attributes.heads));
}

/** Number of leading tokens that a slice of [batch, tokens, dim] keeps, if it cuts nothing else. */
function leadingTokens(
  { attributes: { starts }, shape, operands: [x] }: NodeOf<"slice">,
): number | undefined {
  return starts.every((start) => start === 0) && shape[0] === x!.shape[0] && shape[2] === x!.shape[2]
    ? shape[1]
    : undefined;
}

/** The first tokens of an attention, as after the last block of a classifier: the others need not ask. */
export function leadingAttention(context: LoweringContext, node: NodeOf<"slice">): View | undefined {
  const source = node.operands[0]!;
  if (source.op !== "attention" || !context.usedOnce(source)) return undefined;
  const queries = leadingTokens(node);
  const [qkv] = source.operands as readonly [Tensor];
  return queries === undefined
    ? undefined
    : attend(context, qkv, sizesOf(qkv, source.attributes.heads, queries));
}

/** y ∘ (dy - Σ dy ∘ y) over the last axis. */
export function softmaxGrad(context: LoweringContext, y: string, dy: string): string {
  const { builder } = context;
  const inner = context.sumLast(builder.emit("Mul", [y, dy]));
  return builder.emit("Mul", [y, builder.emit("Sub", [dy, inner])]);
}

/** The tensor that was padded with zero tokens behind to make dy, or dy itself. */
function unpadded(dy: Tensor): Tensor {
  const source = withoutReshape(dy);
  if (source.op !== "pad") return dy;
  const { before, after } = source.attributes;
  const [inner] = source.operands as readonly [Tensor];
  const onlyTokens = before.every((n) => n === 0) && after.length === 3 && after[0] === 0 && after[2] === 0;
  return onlyTokens && source.shape.join() === dy.shape.join() ? inner : dy;
}

/** The derivative. Only the tokens with a gradient count as asking. */
export function attentionGrad(context: LoweringContext, node: NodeOf<"attentionGrad">): View {
  const [qkv, dy] = node.operands as readonly [Tensor, Tensor];
  const given = unpadded(dy);
  const sizes = sizesOf(qkv, node.attributes.heads, given.shape[1]!);
  const { batch, tokens, queries, heads, headDim } = sizes;
  const { q, k, v, weights } = partsOf(context, qkv, sizes);
  const dim = heads * headDim;
  const alpha = scaleOf(sizes);
  const dout = splitHeads(context, context.rows(given), sizes, queries);
  const dscores = softmaxGrad(context, weights, context.matmul(dout, v, 4, { transposeB: true }));
  const asRows = (value: string) => context.reshape(value, [batch * tokens, dim]);
  const columns = [
    asRows(withSilentTokens(context, joinHeads(context, context.matmul(dscores, k, 4, { alpha })), sizes)),
    asRows(joinHeads(context, context.matmul(dscores, q, 4, { transposeA: true, alpha }))),
    asRows(joinHeads(context, context.matmul(weights, dout, 4, { transposeA: true }))),
  ];
  const shape = [batch * tokens, 3 * dim];
  return { name: context.concat(columns, 1), shape, columns };
}

/** [batch, queries, heads, headDim] with zeros for the tokens that did not ask. */
function withSilentTokens(context: LoweringContext, value: string, { queries, tokens }: Sizes): string {
  if (queries === tokens) return value;
  return context.builder.emit("Pad", [value, context.builder.ints([0, 0, 0, 0, 0, tokens - queries, 0, 0])]);
}
