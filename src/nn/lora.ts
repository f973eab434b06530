/**
 * LoRA inside a graph: y = x Wᵀ + bias + Σ gain · (x Aᵀ) Bᵀ. Any number of branches (the adapter in training,
 * frozen ones of earlier tasks, experts) share each projection; their ranks are concatenated, so that a projection
 * stays one op however many there are. Gains, and factors too, may differ from image to image.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import { add, broadcast, concat, linear, matmul, mul, pad, reshape } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { IMPORTANCE } from "./adapter.ts";
import { factorName, parseFactor, type SitePlacement } from "./sites.ts";

/** The factors of one site in a graph. */
export interface BranchPair {
  /** [rank, in], or [batch, rank, in] where every image has its own. */
  readonly a: Tensor;
  /** [out, rank], or [batch, out, rank] along with A. */
  readonly b: Tensor;
}

/** One adapter in a graph. */
export interface LoraBranch {
  /** By site name, such as `"0.q"`. */
  readonly pairs: Readonly<Record<string, BranchPair>>;
  /** Factor of B A: one number ([] or [1]), one per rank ([rank]), or one per image and rank ([batch, rank]). */
  readonly gain: Tensor;
}

/**
 * An adapter from graph tensors under the names of `adapterTensors`; other names are ignored. The gain is
 * scale · importance, without importance just scale.
 *
 * @throws {RangeError} If a factor lacks its partner, or there is none
 */
export function branchFromTensors(tensors: Readonly<Record<string, Tensor>>, scale: number): LoraBranch {
  const pairs: Record<string, BranchPair> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const { site, factor } = parseFactor(name) ?? {};
    if (site === undefined) continue;
    const a = factor === "A" ? tensor : tensors[factorName(site, "A")];
    const b = factor === "B" ? tensor : tensors[factorName(site, "B")];
    if (!a || !b) throw new RangeError(`Cannot build LoRA branch: "${name}" lacks its partner`);
    pairs[site] = { a, b };
  }
  const [first] = Object.values(pairs);
  if (!first) throw new RangeError("Cannot build LoRA branch: found no factors, wanted lora.<site>.A and .B");
  const importance = tensors[IMPORTANCE];
  const gain = importance
    ? mul(reshape(importance, [1]), scale)
    : first.a.graph.make("constant", { data: Float64Array.of(scale), shape: [1], dtype: "f32" }, []);
  return { pairs, gain };
}

/** B with zero rows around, as tall as the projection. */
function placeRows(b: Tensor, row: number, outputs: number): Tensor {
  const axis = b.shape.length - 2;
  const after = outputs - row - b.shape[axis]!;
  if (row === 0 && after === 0) return b;
  const around = (rows: number) => b.shape.map((_, i) => i === axis ? rows : 0);
  return pad(b, around(row), around(after));
}

/** A gain as [rank], or as [batch, rank] where it differs from image to image. */
function spreadGain(gain: Tensor, rank: number): Tensor {
  if (gain.shape.length === 2) return gain;
  return sizeOf(gain.shape) === 1 ? broadcast(reshape(gain, [1]), [rank]) : gain;
}

/** One branch at one site: u = x Aᵀ [batch, tokens, rank], with B and the gain that take it to the output. */
interface Part {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly gain: Tensor;
}

function partsAt(
  branches: readonly LoraBranch[],
  placements: readonly SitePlacement[],
  outputs: number,
): Part[] {
  return branches.flatMap(({ pairs, gain }) =>
    placements.flatMap(({ site, row }) => {
      const pair = pairs[site];
      if (!pair) return [];
      const rank = pair.a.shape.at(-2)!;
      return [{ a: pair.a, b: placeRows(pair.b, row, outputs), gain: spreadGain(gain, rank) }];
    })
  );
}

/** What one part adds when its factors belong to single images: gain · (x Aᵀ) Bᵀ, image by image. */
function ownUpdate(x: Tensor, { a, b, gain }: Part): Tensor {
  const [batch, rank] = [x.shape[0]!, a.shape[1]!];
  const u = matmul(x, a, { transposeB: true });
  const scaled = mul(u, reshape(gain, gain.shape.length === 2 ? [batch, 1, rank] : [1, 1, rank]));
  return matmul(scaled, b, { transposeB: true });
}

/**
 * A projection with all branches that adapt it.
 *
 * @param x [batch, tokens, in]
 * @param w [out, in]
 * @param bias [out]
 * @param placements Sites of this projection; a branch without a site does not contribute to it
 * @returns [batch, tokens, out]
 */
export function adaptedLinear(
  x: Tensor,
  w: Tensor,
  bias: Tensor,
  branches: readonly LoraBranch[],
  placements: readonly SitePlacement[],
): Tensor {
  const parts = partsAt(branches, placements, w.shape[0]!);
  const shared = parts.filter(({ a }) => a.shape.length === 2);
  const own = parts.filter(({ a }) => a.shape.length === 3);
  const base = shared.length === 0 ? linear(x, w, bias) : sharedLinear(x, w, bias, shared);
  return own.reduce((y, part) => add(y, ownUpdate(x, part)), base);
}

/** The parts whose factors all images share, as one op. Gains per image are applied to u. */
function sharedLinear(x: Tensor, w: Tensor, bias: Tensor, parts: readonly Part[]): Tensor {
  const a = concat(parts.map(({ a }) => a));
  const b = concat(parts.map(({ b }) => b), 1);
  const rank = a.shape[0]!;
  const u = matmul(x, a, { transposeB: true });
  const make = (u: Tensor, gain: Tensor) => x.graph.make("loraLinear", {}, [x, w, bias, u, b, gain]);
  if (parts.every(({ gain }) => gain.shape.length === 1)) {
    return make(u, concat(parts.map(({ gain }) => gain)));
  }
  const batch = x.shape[0]!;
  const gains = concat(parts.map(({ gain }) => broadcast(gain, [batch, gain.shape.at(-1)!])), 1);
  const one = x.graph.make("constant", { data: Float64Array.of(1), shape: [1], dtype: "f32" }, []);
  return make(mul(u, reshape(gains, [batch, 1, rank])), broadcast(one, [rank]));
}
