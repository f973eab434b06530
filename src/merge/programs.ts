/**
 * The merges as graphs. A program that works on factors covers all sites of an adapter; one that forms ΔW [out, in]
 * covers a single site, so that the device holds the dense updates of one site at a time.
 *
 * @module
 */
import { type Shape, sizeOf } from "../core/shape.ts";
import {
  add,
  concat,
  dropRescale,
  loraGram,
  matmul,
  narrow,
  prune,
  reshape,
  tiesMerge,
  topKThreshold,
} from "../graph/functions.ts";
import { type Graph, type Program, trace } from "../graph/graph.ts";
import type { Tensor } from "../graph/ops.ts";

/** Sizes of n pairs of one site that are padded to one rank and stacked. */
export interface StackSizes {
  readonly count: number;
  readonly rank: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Inputs `a<i>` and `b<i>` of site i. Output `gram` [sites, n, n]: inner products of the ΔW, site by site. */
export function gramProgram(sites: readonly StackSizes[]): Program {
  return trace((graph) => {
    const grams = sites.map((sizes, i) => {
      const { a, b } = stackInputs(graph, sizes, `${i}`);
      return reshape(loraGram(a, b), [1, sizes.count, sizes.count]);
    });
    graph.output("gram", concat(grams));
  });
}

/** Inputs and outputs `x<i>`: tensor i with its largest magnitudes kept, in its own ranking. */
export function pruneProgram(shapes: readonly Shape[], keep: number): Program {
  return trace((graph) =>
    shapes.forEach((shape, i) => graph.output(`x${i}`, keepLargest(graph.input(`x${i}`, shape), keep)))
  );
}

/** Inputs `a`, `b` of one pair. Output `delta` [out, in]: the pruned product B A. */
export function pruneDeltaProgram(sizes: StackSizes, keep: number): Program {
  return deltaProgram(sizes, ([delta]) => keepLargest(delta!, keep));
}

/** Inputs `a`, `b` of n pairs. Output `delta`: every ΔW pruned, a sign elected per entry, agreeing entries averaged. */
export function tiesProgram(sizes: StackSizes, keep: number): Program {
  return deltaProgram(sizes, (deltas) => elect(deltas.map((delta) => keepLargest(delta, keep))));
}

/** Inputs `a`, `b` of n pairs. Output `delta`: entries dropped at random and rescaled, then summed or TIES-merged. */
export function dareProgram(
  sizes: StackSizes,
  rate: number,
  seeds: readonly number[],
  combine: "sum" | "ties",
): Program {
  return deltaProgram(sizes, (deltas) => {
    const thinned = deltas.map((delta, i) => dropRescale(delta, rate, seeds[i]!));
    return combine === "ties" ? elect(thinned) : thinned.reduce(add);
  });
}

/** How many of `size` entries are kept: at least one. */
export function keptCount(size: number, keep: number): number {
  return Math.max(1, Math.round(keep * size));
}

function deltaProgram(sizes: StackSizes, merge: (deltas: readonly Tensor[]) => Tensor): Program {
  return trace((graph) => {
    const { a, b } = stackInputs(graph, sizes, "");
    const stack = matmul(b, a);
    const shape = [sizes.outputs, sizes.inputs];
    const deltas = Array.from({ length: sizes.count }, (_, i) => reshape(narrow(stack, 0, i, 1), shape));
    graph.output("delta", merge(deltas));
  });
}

function stackInputs(graph: Graph, { count, rank, inputs, outputs }: StackSizes, suffix: string) {
  return {
    a: graph.input(`a${suffix}`, [count, rank, inputs]),
    b: graph.input(`b${suffix}`, [count, outputs, rank]),
  };
}

function keepLargest(x: Tensor, keep: number): Tensor {
  return keep === 1 ? x : prune(x, topKThreshold(x, keptCount(sizeOf(x.shape), keep)));
}

function elect(deltas: readonly Tensor[]): Tensor {
  return tiesMerge(concat(deltas.map((delta) => reshape(delta, [1, ...delta.shape]))));
}
