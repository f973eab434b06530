/**
 * Lowers multi-head self-attention and its gradient. Neither writes the scores: memory grows with the tokens, not
 * with their square.
 *
 * The gradient takes three dispatches: softmax statistics by query, then dq with a workgroup for each tile of
 * queries, and dk and dv with one for each tile of keys, so that nobody adds to memory another one writes.
 *
 * @module
 */
import type { NodeOf, Tensor } from "../../../../graph/ops.ts";
import {
  type BufferRef,
  ceilDiv,
  type Dispatch,
  f32,
  grid,
  type Lower,
  type LoweringContext,
  read,
  u32,
  write,
} from "../../kernel.ts";
import { sizeClass } from "../cover.ts";
import operands from "./operands.wgsl" with { type: "text" };
import quads from "./quads.wgsl" with { type: "text" };
import registers from "./registers.wgsl" with { type: "text" };
import scalars from "./scalars.wgsl" with { type: "text" };
import tiles from "./tiles.wgsl" with { type: "text" };

type Body = "registers" | "tiles";

/** The largest head that the tile kernels hold in registers. */
const LARGEST_TILED_HEAD = 128;
/** Invocations a workgroup of the register kernels, and threads along one side of that of the tile kernels. */
const LANES = 16;
const SIDE = 8;

interface Sizes {
  readonly batches: number;
  readonly tokens: number;
  readonly heads: number;
  readonly headDim: number;
}

/** How the entry points of one node are dispatched. */
interface Plan {
  readonly sizes: Sizes;
  readonly body: Body;
  dispatch(entry: Entry, qkv: BufferRef, dy: BufferRef, statistics: BufferRef, result: BufferRef): Dispatch;
}

/** Which products of tokens² · headDim terms an entry point computes for each head, and its largest chunk of quads. */
const entries = {
  forward: { products: 2, chunk: 4 },
  measure: { products: 2, chunk: undefined },
  gradient_q: { products: 3, chunk: 4 },
  gradient_kv: { products: 4, chunk: 2 },
} as const;

type Entry = keyof typeof entries;

const bodies: Readonly<Record<Body, string>> = { registers, tiles };

function planOf(qkv: Tensor, heads: number, context: LoweringContext): Plan {
  const [batches, tokens, width] = qkv.shape as readonly [number, number, number];
  const sizes: Sizes = { batches, tokens, heads, headDim: width / 3 / heads };
  const { headDim } = sizes;
  const body = chooseBody(sizes, context);
  const access = headDim % 4 === 0 ? "quads" : "scalars";
  const source = [operands, access === "quads" ? quads : scalars, bodies[body]].join("\n");
  const uniforms = [...[batches, tokens, heads, headDim].map(u32), f32(1 / Math.sqrt(headDim))];
  return {
    sizes,
    body,
    dispatch(entry, qkv, dy, statistics, result) {
      const { products, chunk } = entries[entry];
      return {
        kernel: `attention/${body}/${access}`,
        source,
        entryPoint: entry,
        ...(body === "tiles" ? tileCover(sizes) : registerCover(sizes, chunk)),
        uniforms,
        bindings: [read(qkv), read(dy), read(statistics), write(result)],
        flops: 2 * products * batches * heads * tokens ** 2 * headDim,
        bytes: 4 * (products + 2) * batches * tokens * heads * headDim,
      };
    },
  };
}

function chooseBody({ batches, tokens, heads, headDim }: Sizes, context: LoweringContext): Body {
  const preferred: readonly Body[] = context.software ? ["registers", "tiles"] : ["tiles", "registers"];
  const possible = preferred.filter((body) =>
    body === "registers" || (headDim <= LARGEST_TILED_HEAD && SIDE ** 2 <= context.maxInvocations)
  );
  return context.variant("attention", [batches * heads, tokens, headDim].map(sizeClass).join("x"), possible);
}

function registerCover({ batches, tokens, heads, headDim }: Sizes, largestChunk: number | undefined) {
  const chunk = Math.min(largestChunk ?? 1, ceilDiv(headDim, 4));
  const chunks = largestChunk === undefined ? 1 : ceilDiv(headDim, 4 * chunk);
  return {
    constants: { WORKGROUP: LANES, CHUNK: chunk },
    workgroups: grid(ceilDiv(batches * heads * ceilDiv(tokens, 4) * chunks, LANES)),
  };
}

function tileCover({ batches, tokens, heads, headDim }: Sizes) {
  return {
    constants: { THREADS_X: SIDE, THREADS_Y: SIDE, BLOCKS: ceilDiv(headDim, 4 * SIDE) },
    workgroups: grid(batches * heads * ceilDiv(tokens, 4 * SIDE)),
  };
}

/** (qkv [batch, tokens, 3 dim]) -> [batch, tokens, dim] */
export const lowerAttention: Lower<"attention"> = (node: NodeOf<"attention">, context) => {
  const [qkv] = node.operands as readonly [Tensor];
  const plan = planOf(qkv, node.attributes.heads, context);
  return [plan.dispatch("forward", qkv, qkv, qkv, node)];
};

/** (qkv [batch, tokens, 3 dim], dy [batch, tokens, dim]) -> dqkv */
export const lowerAttentionGrad: Lower<"attentionGrad"> = (node: NodeOf<"attentionGrad">, context) => {
  const [qkv, dy] = node.operands as readonly [Tensor, Tensor];
  const plan = planOf(qkv, node.attributes.heads, context);
  const { batches, tokens, heads } = plan.sizes;
  const statistics = context.scratch("softmax statistics", 4 * batches * heads * tokens);
  return [
    plan.dispatch("measure", qkv, dy, qkv, statistics),
    plan.dispatch("gradient_q", qkv, dy, statistics, node),
    plan.dispatch("gradient_kv", qkv, dy, statistics, node),
  ];
};
