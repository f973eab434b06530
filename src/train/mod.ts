/**
 * The engine that runs trainings, passes and sums, its optimisers, and pretraining.
 *
 * @module
 */
export { Engine, type EngineFitted, type FitDefaults } from "./engine.ts";
export { createFeatureExtractor, type FeatureExtractor } from "./extractor.ts";
export { adamw } from "./optimisers/adamw.ts";
export { muon, type MuonOptions } from "./optimisers/muon.ts";
export type { Optimiser, StepInputs } from "./optimisers/optimiser.ts";
export { projected, rated } from "./optimisers/projected.ts";
export type { Schedule } from "./optimisers/schedule.ts";
export { createOptimiser, defaultOptimiser, type OptimiserSettings } from "./optimisers/settings.ts";
export { sgd } from "./optimisers/sgd.ts";
export type { Part } from "./parts.ts";
export {
  type Checkpoint,
  checkpointTensors,
  type EpochResult,
  pretrain,
  type PretrainOptions,
} from "./pretrain.ts";
export { probeDataset, type ProbeScores } from "./probe.ts";
export { type Columns, imageTable } from "./table.ts";
export type { TraceContext } from "./trace.ts";
export { costOf as predictorCost, predict, type PredictorCost, score } from "./predict.ts";
