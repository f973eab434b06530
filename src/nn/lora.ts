/**
 * LoRA inside a graph: y = x Wᵀ + bias + Σ gain · (x Aᵀ) Bᵀ. Any number of branches (the adapter in training,
 * frozen ones of earlier tasks) share each projection; their ranks are concatenated, so that a projection stays
 * one op however many there are.
 *
 * @module
 */
import { sizeOf } from "../core/shape.ts";
import { broadcast, concat, linear, loraLinear, mul, pad, reshape } from "../graph/functions.ts";
import type { Tensor } from "../graph/ops.ts";
import { factorName, IMPORTANCE } from "./adapter.ts";

/** The factors of one site in a graph. */
export interface BranchPair {
  /** [rank, in] */
  readonly a: Tensor;
  /** [out, rank] */
  readonly b: Tensor;
}

/** One adapter in a graph. */
export interface LoraBranch {
  /** By site name, such as `"0.q"`. */
  readonly pairs: Readonly<Record<string, BranchPair>>;
  /** Factor of B A: one number ([] or [1]), or one per rank ([rank]). */
  readonly gain: Tensor;
}

/** Where a site's output rows lie in the projection it adapts. */
export interface SitePlacement {
  readonly site: string;
  /** First output row: k of a fused qkv begins at `width`. */
  readonly row: number;
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
    const [, site, factor] = /^lora\.(.+)\.([AB])$/.exec(name) ?? [];
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
  const after = outputs - row - b.shape[0]!;
  return row === 0 && after === 0 ? b : pad(b, [row, 0], [after, 0]);
}

function spreadGain(gain: Tensor, rank: number): Tensor {
  return sizeOf(gain.shape) === 1 ? broadcast(reshape(gain, [1]), [rank]) : gain;
}

/**
 * A projection with all branches that adapt it.
 *
 * @param x [..., in]
 * @param w [out, in]
 * @param bias [out]
 * @param placements Sites of this projection; a branch without a site does not contribute to it
 * @returns [..., out]
 */
export function adaptedLinear(
  x: Tensor,
  w: Tensor,
  bias: Tensor,
  branches: readonly LoraBranch[],
  placements: readonly SitePlacement[],
): Tensor {
  const parts = branches.flatMap(({ pairs, gain }) =>
    placements.flatMap(({ site, row }) => {
      const pair = pairs[site];
      if (!pair) return [];
      return [{
        a: pair.a,
        b: placeRows(pair.b, row, w.shape[0]!),
        gain: spreadGain(gain, pair.a.shape[0]!),
      }];
    })
  );
  if (parts.length === 0) return linear(x, w, bias);
  return loraLinear(
    x,
    w,
    bias,
    concat(parts.map(({ a }) => a)),
    concat(parts.map(({ b }) => b), 1),
    concat(parts.map(({ gain }) => gain)),
  );
}
