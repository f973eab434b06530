/**
 * The Vision Transformer, adapters, classifiers and losses, as functions of graph tensors.
 *
 * @module
 */
export {
  type Adapter,
  adapterFromTensors,
  adapterToTensors,
  createAdapter,
  type LoraPair,
  type LoraSpec,
} from "./adapter.ts";
export { type Backbone, createBackbone, type PixelStatistics, type TrainedOn } from "./backbone.ts";
export { type ClassifierKind, type classifierKinds, type KindOfHead } from "./classifier.ts";
export {
  type Activation,
  activations,
  backboneTensors,
  type NormOrder,
  normOrders,
  type Pool,
  pools,
  type TokenConfig,
  tokenCount,
  vitB16,
  type ViTConfig,
} from "./config.ts";
export { type ClassMeans, classMeans, cosineHead, hostLogits, type LinearHead, linearHead } from "./heads.ts";
export { initBackbone, initHead } from "./init.ts";
export { branchFromTensors, type BranchPair, type LoraBranch } from "./lora.ts";
export { maskedLoss, smoothedLoss } from "./losses.ts";
export { pack, type Packing, type PackingEntry } from "./packing.ts";
export { RIDGE_PENALTY } from "./ridge.ts";
export { type LoraSite, loraSites, type LoraTarget, loraTargets } from "./sites.ts";
export {
  type Edits,
  encode,
  type Encoded,
  type Prefix,
  type Prompt,
  stateLookup,
  type WeightLookup,
} from "./vit.ts";
