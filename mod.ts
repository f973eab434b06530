/**
 * Continual learning with LoRA adapters on Vision Transformers: train adapters, merge them, compare methods.
 *
 * @example Recompute a golden case on the fastest backend of this machine
 * ```ts ignore
 * import { checkGolden, createExecutor, loadGoldenCase } from "@growing-tasks/ham-bench";
 *
 * const golden = await loadGoldenCase("fixtures/golden/lora_vit_tiny.safetensors");
 * const { executor } = await createExecutor("auto");
 * const errors = await checkGolden(golden, executor);
 * console.log(Math.max(...errors.map(({ relative }) => relative)));
 * await executor.dispose();
 * ```
 *
 * @module
 */
export { BackendUnavailableError, DivergenceError, InputError } from "./src/core/errors.ts";
export type { HostTensor, NamedTensors, TensorSpec } from "./src/core/tensors.ts";
export type {
  BackendInfo,
  BackendName,
  DeviceTensor,
  DeviceTensorOptions,
  Executable,
  Executor,
  HostArray,
} from "./src/executors/executor.ts";
export {
  type BackendChoice,
  backendChoices,
  type ChosenExecutor,
  createExecutor,
  type ExecutorOptions,
} from "./src/executors/select.ts";
export { type Graph, type Program, trace } from "./src/graph/graph.ts";
export * as ops from "./src/graph/functions.ts";
export type { Backbone, PixelStatistics } from "./src/nn/backbone.ts";
export type { Activation, ViTConfig } from "./src/nn/config.ts";
export type { LinearHead } from "./src/nn/heads.ts";
export { checkGolden, type TensorError } from "./src/conformance/golden.ts";
export { type GoldenCase, type GoldenOptimiser, loadGoldenCase } from "./src/conformance/golden_case.ts";
export {
  type BackboneInspection,
  type BackboneOverrides,
  inspectBackbone,
  loadBackbone,
  type LoadOptions,
} from "./src/formats/backbones/load_backbone.ts";
export { canonicalJson, hashJson, type Json, type JsonObject } from "./src/core/json.ts";
export { createRng, type Rng } from "./src/core/rng.ts";
export { type Dataset, limitPerClass, type Split } from "./src/data/dataset.ts";
export { isDatasetKind, loadDataset } from "./src/data/load.ts";
export { numpyPermutation, orderOf } from "./src/data/class_order.ts";
export { createStream, type StreamOptions, type StreamTask, type TaskStream } from "./src/data/stream.ts";
export { type Adapter, createAdapter, type LoraSpec } from "./src/nn/adapter.ts";
export type {
  Env,
  Fit,
  Fitted,
  Kit,
  Method,
  Named,
  Pass,
  Predictor,
  Sums,
  Table,
  TaskView,
} from "./src/methods/method.ts";
export { defineMethod } from "./src/methods/definition.ts";
export {
  adapterMethod,
  type AdapterParts,
  type Trained,
  type Training,
} from "./src/methods/adapter_method.ts";
export { imageTable } from "./src/train/table.ts";
export { Engine } from "./src/train/engine.ts";
export { createMethod, methods } from "./src/methods/mod.ts";
export * from "./src/protocol/board/metrics.ts";
export {
  type Cell,
  cellName,
  type Cost,
  type Environment,
  type EvaluateWhen,
  isEvaluated,
  type RunRecord,
  seedName,
  type Source,
} from "./src/protocol/records/record.ts";
export {
  type AnyRecord,
  parseCurrent,
  parseRecord,
  UnknownEditionError,
} from "./src/protocol/records/parse.ts";
export { seal } from "./src/protocol/records/seal.ts";
export { DEPLOYED, hasAdapters, keptNames } from "./src/protocol/artifacts.ts";
export { cellOf, type Progress, runCell, type RunOptions } from "./src/protocol/run.ts";
export { type ProtocolSettings, resolveSettings } from "./src/protocol/settings.ts";
export { type Claimant, ClaimedError, type Machine } from "./src/protocol/claim.ts";
export { layoutOf, listRecords, placeOfRecord, RECORD_ENDING } from "./src/protocol/layout.ts";
export { type CellStore, createFileStore, createMemoryStore, prepareFolder } from "./src/protocol/store.ts";
export { type BoardCell, type BoardSection, compare, type Gap } from "./src/protocol/board/comparison.ts";
export type { Summary } from "./src/protocol/board/statistics.ts";
export { describeSection } from "./src/protocol/board/format.ts";
export { growthTable, type TableCell } from "./src/protocol/board/growth.ts";
export { renderMarkdown } from "./src/protocol/board/markdown.ts";
export { renderCsv } from "./src/protocol/board/csv.ts";
export { decodeState, encodeState, type StateValue } from "./src/core/state.ts";
export { formatCard } from "./src/formats/backbones/card.ts";
export { createBackbone } from "./src/nn/backbone.ts";
export { optimiserOf } from "./src/protocol/settings.ts";
export { ifThere, replaceFile, systemReason } from "./src/core/files.ts";
export { type Checkpoint, checkpointTensors, pretrain, type PretrainOptions } from "./src/train/pretrain.ts";
export { readSafetensors, writeSafetensors } from "./src/formats/files/safetensors.ts";
export {
  type DatasetKind,
  type DatasetKindName,
  datasetKinds,
  guessKind,
  type LoadDataOptions,
} from "./src/data/kinds.ts";
export { checkDataset, type DatasetReport, type Oddity, type SplitCounts } from "./src/data/check.ts";
export { download, type DownloadOptions, type RemoteFile } from "./src/data/download.ts";
export { gradients } from "./src/graph/autodiff.ts";
export { costOf, type ProgramCost } from "./src/graph/cost.ts";
export type { DType, Tensor } from "./src/graph/ops.ts";
export type { WebGpuExecutor, WebGpuOptions } from "./src/executors/webgpu/executor.ts";
export type { WebGpuExecutable } from "./src/executors/webgpu/executable.ts";
export { listPipelines, type PipelineEntry } from "./src/executors/webgpu/catalogue.ts";
export { initBackbone, initHead } from "./src/nn/init.ts";
export { pack } from "./src/nn/packing.ts";
export { adapterToTensors } from "./src/nn/adapter.ts";
export { type AdapterStepShape, traceAdapterStep, traceFeatures } from "./src/methods/adapter_step.ts";
export {
  createOptimiser,
  defaultOptimiser,
  type OptimiserSettings,
} from "./src/train/optimisers/settings.ts";
export { sizeOf } from "./src/core/shape.ts";
export {
  decodeAdapterFile,
  encodeAdapterFile,
  type KeptAdapter,
  type KeptClassifier,
} from "./src/formats/adapters/adapter_file.ts";
export { encodeMerged, mergeAdapter, type MergedModel } from "./src/formats/backbones/merged.ts";
export { exportOnnx } from "./src/formats/backbones/onnx_export.ts";
export { limitClasses } from "./src/data/dataset.ts";
export { hostLogits } from "./src/nn/heads.ts";
export { RIDGE_PENALTY } from "./src/nn/ridge.ts";
export { createFeatureExtractor, type FeatureExtractor } from "./src/train/extractor.ts";
export { probeDataset, type ProbeScores } from "./src/train/probe.ts";
export { activations, backboneTensors, normOrders, pools, tokenCount, vitB16 } from "./src/nn/config.ts";
export { encodePeft, PEFT_CONFIG, PEFT_WEIGHTS, type PeftFiles } from "./src/formats/adapters/peft.ts";
export { decodePeft, loadPeft, type PeftAdapter } from "./src/formats/adapters/peft_read.ts";
export { type PeftNaming, peftNamings } from "./src/formats/adapters/peft_names.ts";
