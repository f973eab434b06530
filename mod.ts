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
export type { Backbone, PixelStatistics } from "./src/nn/backbone.ts";
export type { Activation, ViTConfig } from "./src/nn/config.ts";
export type { LinearHead } from "./src/nn/heads.ts";
export { checkGolden, type TensorError } from "./src/interop/golden.ts";
export { type GoldenCase, type GoldenOptimiser, loadGoldenCase } from "./src/interop/golden_case.ts";
export { type BackboneOverrides, loadBackbone, type LoadOptions } from "./src/interop/load_backbone.ts";
