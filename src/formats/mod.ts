/**
 * Weights, adapters and merged models as files of ours and of other tools.
 *
 * @module
 */
export {
  decodeAdapterFile,
  encodeAdapterFile,
  type KeptAdapter,
  type KeptClassifier,
} from "./adapters/adapter_file.ts";
export { encodePeft, PEFT_CONFIG, PEFT_WEIGHTS, type PeftFiles } from "./adapters/peft.ts";
export { type PeftNaming, peftNamings } from "./adapters/peft_names.ts";
export { decodePeft, loadPeft, type PeftAdapter } from "./adapters/peft_read.ts";
export type { AdaptedBackbone } from "./adapters/peft_weights.ts";
export { formatCard } from "./backbones/card.ts";
export {
  type BackboneInspection,
  type BackboneOverrides,
  inspectBackbone,
  loadBackbone,
  type LoadOptions,
} from "./backbones/load_backbone.ts";
export { encodeMerged, mergeAdapter, type MergedModel } from "./backbones/merged.ts";
export type { MappedTensors } from "./backbones/name_map.ts";
export { exportOnnx } from "./backbones/onnx_export.ts";
export {
  type IntegerTensor,
  type ReadOptions,
  readSafetensors,
  type SafetensorsContent,
  writeSafetensors,
} from "./files/safetensors.ts";
export { grownWeights } from "./backbones/grow.ts";
