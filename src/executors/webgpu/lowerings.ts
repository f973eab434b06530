/**
 * The kernels of every op. A new op does not compile until it has a line here.
 *
 * @module
 */
import type { OpName } from "../../graph/ops.ts";
import type { Fusion, Lowering } from "./kernel.ts";

/** How the executor treats each op. */
export const lowerings = {
  input: "leaf",
  state: "leaf",
  constant: "leaf",
  reshape: "view",
  // Temporary, until the family arrives.
  uniform: "missing",
  unary: "missing",
  binary: "missing",
  where: "missing",
  reduce: "missing",
  matmul: "missing",
  transpose: "missing",
  slice: "missing",
  pad: "missing",
  concat: "missing",
  broadcast: "missing",
  gather: "missing",
  scatterAdd: "missing",
  oneHot: "missing",
  softmax: "missing",
  topKThreshold: "missing",

  softmaxGrad: "expand",
  gelu: "expand",
  geluGrad: "expand",
  layerNorm: "expand",
  layerNormGrad: "expand",
  linear: "expand",
  loraLinear: "expand",
  attention: "expand",
  attentionGrad: "expand",
  crossEntropy: "expand",
  crossEntropyGrad: "expand",
  prune: "expand",
  tiesMerge: "expand",
  dropRescale: "expand",
  loraGram: "expand",
  adamwStep: "expand",
  sgdStep: "expand",
} as const satisfies { readonly [K in OpName]: Lowering<K> };

/** Tried in order on every node. */
export const fusions: readonly Fusion[] = [];
