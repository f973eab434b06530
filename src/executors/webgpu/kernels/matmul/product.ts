/**
 * Lowers y = finish(op(a) op(b) + (u ∘ gain) op(v)): the one kernel family behind matmul, linear and LoRA linear and
 * what is fused into them. `finish` adds a bias, applies an activation and combines with another tensor.
 *
 * A kernel is put together from whole files: the operands, their access (quads or scalars, by alignment), the
 * epilogue, and one of three bodies (registers, tiles, the sum over splits of k).
 *
 * @module
 */
import { sizeOf } from "../../../../core/shape.ts";
import type { GeluKind, Tensor } from "../../../../graph/ops.ts";
import {
  type BufferRef,
  ceilDiv,
  type Dispatch,
  grid,
  type LoweringContext,
  read,
  u32,
  write,
} from "../../kernel.ts";
import gate from "../gelu/gate.wgsl" with { type: "text" };
import epilogue from "./epilogue.wgsl" with { type: "text" };
import operands from "./operands.wgsl" with { type: "text" };
import quads from "./quads.wgsl" with { type: "text" };
import registers from "./registers.wgsl" with { type: "text" };
import scalars from "./scalars.wgsl" with { type: "text" };
import splitSum from "./split_sum.wgsl" with { type: "text" };
import tiles from "./tiles.wgsl" with { type: "text" };
import { chooseTiling } from "./tilings.ts";

/** What is done to a product's elements before they are stored, in this order. */
export interface Epilogue {
  /** [n], added to every row. */
  readonly bias?: Tensor;
  readonly activation?: "relu" | GeluKind;
  /** A tensor of the result's size that is added to it, multiplied with it, or whose GELU slope is. */
  readonly combine?: { readonly how: "add" | "multiply" | `${GeluKind} slope`; readonly other: Tensor };
}

/** Sizes and operands of a product. */
export interface Product extends Epilogue {
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** [batches, m, k], or [batches, k, m] if transposed. */
  readonly a: Tensor;
  readonly transposeA: boolean;
  /** [batches, k, n], or [batches, n, k] if transposed. */
  readonly b: Tensor;
  readonly transposeB: boolean;
  /**
   * A second product of the same shape that is added: u [m, rank], and v [rank, n], or [n, rank] if b is transposed.
   * Only with one batch and a not transposed.
   */
  readonly lowRank?: {
    readonly rank: number;
    readonly u: Tensor;
    readonly v: Tensor;
    readonly gain?: Tensor;
  };
}

const activations = { none: 0, relu: 1, erf: 2, tanh: 3 } as const;
const combinations = { none: 0, add: 1, multiply: 2, "erf slope": 3, "tanh slope": 4 } as const;
const accesses = { quads, scalars } as const;
const bodies = { registers, tiles, splitSum } as const;

function sourceOf(access: keyof typeof accesses, body: keyof typeof bodies): string {
  return [operands, accesses[access], gate, epilogue, bodies[body]].join("\n");
}

/**
 * Dispatches that compute a product into `y`.
 *
 * @param y The node that the last dispatch writes; it has batches · m · n elements
 */
export function lowerProduct(product: Product, y: Tensor, context: LoweringContext): readonly Dispatch[] {
  const { batches, m, n, k, transposeA, transposeB, lowRank } = product;
  const rank = lowRank?.rank ?? 0;
  const { body, constants, threadsX, tileRows, tileColumns, step, splits, depth } = chooseTiling(
    product,
    context,
  );
  const aligned = [transposeA ? m : k, transposeB ? k : n, n].every((size) => size % 4 === 0);
  const access = aligned ? "quads" : "scalars";
  const uniforms = [batches, m, n, k, splits, depth, rank, threadsX].map(u32);
  const size = batches * m * n;
  const partial: BufferRef = splits === 1 ? y : context.scratch(`${body} partial sums`, splits * size);
  const finish = finishing(product);
  const first: Dispatch = {
    kernel: `matmul/${body}/${access}`,
    source: sourceOf(access, body),
    entryPoint: "main",
    constants: {
      ...constants,
      A_TRANSPOSED: Number(transposeA),
      B_TRANSPOSED: Number(transposeB),
      LOW_RANK: Number(rank > 0),
      GAIN: Number(lowRank?.gain !== undefined),
      ...(aligned ? { MASKED: Number(k % step !== 0) } : {}),
      ...(splits === 1 ? finish : {}),
    },
    uniforms,
    bindings: bindings(product, partial, splits === 1),
    workgroups: grid(ceilDiv(n, tileColumns) * ceilDiv(m, tileRows) * batches * splits),
    flops: 2 * size * (k + rank),
    bytes: 4 * (batches * (m * k + k * n) + splits * size),
  };
  if (splits === 1) return [first];
  const last: Dispatch = {
    kernel: `matmul/split_sum/${access}`,
    source: sourceOf(access, "splitSum"),
    entryPoint: "main",
    constants: finish,
    uniforms,
    bindings: bindings({ ...product, a: partial }, y, true),
    workgroups: grid(ceilDiv(batches * m * ceilDiv(n, 4), 64)),
    flops: splits * size,
    bytes: 4 * (splits + 1) * size,
  };
  return [first, last];
}

function finishing({ bias, activation, combine }: Epilogue): Readonly<Record<string, number>> {
  return {
    BIAS: Number(bias !== undefined),
    ACTIVATION: activations[activation ?? "none"],
    COMBINE: combinations[combine?.how ?? "none"],
  };
}

/** All bindings of the access preludes; what is absent is `a` once more. */
function bindings(
  { a, b, bias, combine, lowRank }: Omit<Product, "a"> & { readonly a: BufferRef },
  y: BufferRef,
  finishes: boolean,
): Dispatch["bindings"] {
  const epilogueOnly = (tensor: Tensor | undefined) => read((finishes ? tensor : undefined) ?? a);
  return [
    read(a),
    read(b),
    write(y),
    epilogueOnly(bias),
    epilogueOnly(combine?.other),
    read(lowRank?.u ?? a),
    read(lowRank?.v ?? a),
    read(lowRank?.gain ?? a),
  ];
}

/** A tensor [..., width] as a matrix: its number of rows. */
export function rowsOf(x: Tensor): number {
  return sizeOf(x.shape) / (x.shape.at(-1) ?? 1);
}
