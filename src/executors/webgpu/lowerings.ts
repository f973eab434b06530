/**
 * The kernels of every op. A new op does not compile until it has a line here.
 *
 * @module
 */
import type { OpName } from "../../graph/ops.ts";
import { fuseProducts } from "./fusion.ts";
import type { Fusion, Lowering } from "./kernel.ts";
import { lowerAttention, lowerAttentionGrad } from "./kernels/attention/attention.ts";
import { lowerBinary, lowerUnary, lowerWhere } from "./kernels/elementwise/elementwise.ts";
import { lowerConcat } from "./kernels/movement/concat.ts";
import { lowerBroadcast, lowerPad, lowerSlice, lowerTranspose } from "./kernels/movement/movement.ts";
import { lowerReduce } from "./kernels/reduce/reduce.ts";
import { lowerLayerNorm, lowerLayerNormGrad } from "./kernels/layer_norm/layer_norm.ts";
import { lowerLinear } from "./kernels/linear/linear.ts";
import { lowerLoraLinear } from "./kernels/lora_linear/lora_linear.ts";
import { lowerMatmul } from "./kernels/matmul/matmul.ts";
import { lowerCrossEntropy, lowerCrossEntropyGrad } from "./kernels/cross_entropy/cross_entropy.ts";
import { lowerFromBytes } from "./kernels/from_bytes/from_bytes.ts";
import { lowerGather } from "./kernels/gather/gather.ts";
import { lowerGelu, lowerGeluGrad } from "./kernels/gelu/gelu.ts";
import { lowerLoraGram } from "./kernels/lora_gram/lora_gram.ts";
import { lowerOneHot } from "./kernels/one_hot/one_hot.ts";
import { lowerAdamwStep, lowerSgdStep } from "./kernels/optimiser/optimiser.ts";
import { lowerPrune } from "./kernels/prune/prune.ts";
import { lowerDropRescale, lowerUniform } from "./kernels/random/random.ts";
import { lowerScatterAdd } from "./kernels/scatter_add/scatter_add.ts";
import { lowerSoftmax, lowerSoftmaxGrad } from "./kernels/softmax/softmax.ts";
import { lowerTiesMerge } from "./kernels/ties/ties.ts";
import { lowerTopKThreshold } from "./kernels/top_k/top_k.ts";

/** How the executor treats each op. */
export const lowerings = {
  input: "leaf",
  state: "leaf",
  constant: "leaf",
  reshape: "view",
  uniform: lowerUniform,
  unary: lowerUnary,
  binary: lowerBinary,
  where: lowerWhere,
  reduce: lowerReduce,
  matmul: lowerMatmul,
  transpose: lowerTranspose,
  slice: lowerSlice,
  pad: lowerPad,
  concat: lowerConcat,
  broadcast: lowerBroadcast,
  gather: lowerGather,
  scatterAdd: lowerScatterAdd,
  oneHot: lowerOneHot,
  fromBytes: lowerFromBytes,
  softmax: lowerSoftmax,
  topKThreshold: lowerTopKThreshold,

  softmaxGrad: lowerSoftmaxGrad,
  gelu: lowerGelu,
  geluGrad: lowerGeluGrad,
  layerNorm: lowerLayerNorm,
  layerNormGrad: lowerLayerNormGrad,
  linear: lowerLinear,
  loraLinear: lowerLoraLinear,
  attention: lowerAttention,
  attentionGrad: lowerAttentionGrad,
  crossEntropy: lowerCrossEntropy,
  crossEntropyGrad: lowerCrossEntropyGrad,
  prune: lowerPrune,
  tiesMerge: lowerTiesMerge,
  dropRescale: lowerDropRescale,
  loraGram: lowerLoraGram,
  adamwStep: lowerAdamwStep,
  sgdStep: lowerSgdStep,
} as const satisfies { readonly [K in OpName]: Lowering<K> };

/** Tried in order on every node. */
export const fusions: readonly Fusion[] = [fuseProducts];
