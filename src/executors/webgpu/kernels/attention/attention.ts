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
import { type Cover, sizeClass } from "../cover.ts";
import operands from "./operands.wgsl" with { type: "text" };
import quads from "./quads.wgsl" with { type: "text" };
import registers from "./registers.wgsl" with { type: "text" };
import scalars from "./scalars.wgsl" with { type: "text" };
import tiles from "./tiles.wgsl" with { type: "text" };

/** The largest head that the tile kernels hold in registers. */
const LARGEST_TILED_HEAD = 128;
/** Invocations a workgroup of the register kernels, and threads along one side of that of the tile kernels. */
const LANES = 16;
const SIDE = 8;

/** `deep` tiles multiply 16 components of the vectors at a time instead of 8. */
type Variant = "registers" | "tiles" | "deep tiles";

interface Sizes {
  readonly batches: number;
  readonly tokens: number;
  readonly heads: number;
  readonly headDim: number;
}

/** What an entry point computes for each head: products of tokens² · headDim terms, and quads of components an invocation. */
const entries = {
  forward: { products: 2, chunk: 4 },
  measure: { products: 2, chunk: 0 },
  gradient_q: { products: 3, chunk: 4 },
  gradient_kv: { products: 4, chunk: 2 },
} as const;

/** Dispatches of one node. */
interface Plan {
  readonly sizes: Sizes;
  dispatch(
    entry: keyof typeof entries,
    qkv: BufferRef,
    dy: BufferRef,
    statistics: BufferRef,
    result: BufferRef,
  ): Dispatch;
}

function planOf(qkv: Tensor, heads: number, context: LoweringContext): Plan {
  const [batches, tokens, width] = qkv.shape as readonly [number, number, number];
  const headDim = width / 3 / heads;
  const sizes = { batches, tokens, heads, headDim };
  const variant = chooseVariant(sizes, context);
  const aligned = headDim % 4 === 0;
  const body = variant === "registers" ? "registers" : "tiles";
  const source = [operands, aligned ? quads : scalars, { registers, tiles }[body]].join("\n");
  return {
    sizes,
    dispatch(entry, qkv, dy, statistics, result) {
      const { products, chunk } = entries[entry];
      return {
        kernel: `attention/${body}/${aligned ? "quads" : "scalars"}`,
        source,
        entryPoint: entry,
        // Scalar access takes long to compile, and is rare.
        ...(variant === "registers"
          ? coverByRegisters(sizes, aligned ? chunk : Math.min(1, chunk))
          : coverByTiles(sizes, variant)),
        uniforms: [...[batches, tokens, heads, headDim].map(u32), f32(1 / Math.sqrt(headDim))],
        bindings: [read(qkv), read(dy), read(statistics), write(result)],
        flops: 2 * products * batches * heads * tokens ** 2 * headDim,
        bytes: 4 * (products + 2) * batches * tokens * heads * headDim,
      };
    },
  };
}

function chooseVariant({ batches, tokens, heads, headDim }: Sizes, context: LoweringContext): Variant {
  const tiled = headDim <= LARGEST_TILED_HEAD && SIDE ** 2 <= context.maxInvocations;
  const onGpu: readonly Variant[] = tiled ? ["tiles", "deep tiles"] : [];
  const variants: readonly Variant[] = context.software ? ["registers", ...onGpu] : [...onGpu, "registers"];
  return context.variant("attention", [batches * heads, tokens, headDim].map(sizeClass).join("x"), variants);
}

/** @param largest Quads of components an invocation at most; 0 if it has none */
function coverByRegisters({ batches, tokens, heads, headDim }: Sizes, largest: number): Cover {
  const quads = ceilDiv(headDim, 4);
  // Whatever the head, so that few pipelines are compiled.
  const chunk = Math.max(1, largest);
  const chunks = largest === 0 ? 1 : ceilDiv(quads, chunk);
  return {
    constants: { WORKGROUP: LANES, CHUNK: chunk },
    workgroups: grid(ceilDiv(batches * heads * ceilDiv(tokens, 4) * chunks, LANES)),
  };
}

function coverByTiles({ batches, tokens, heads, headDim }: Sizes, variant: "tiles" | "deep tiles"): Cover {
  return {
    constants: {
      THREADS_X: SIDE,
      THREADS_Y: SIDE,
      BLOCKS: 2 ** Math.ceil(Math.log2(ceilDiv(headDim, 4 * SIDE))),
      DEPTH_QUADS: variant === "tiles" ? 2 : 4,
    },
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
