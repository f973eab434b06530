/**
 * What runs programs: our WGSL kernels, ONNX Runtime, and the float64 loops that define what both compute.
 *
 * @module
 */
export type {
  BackendInfo,
  BackendName,
  DeviceTensor,
  DeviceTensorOptions,
  Executable,
  Executor,
  HostArray,
} from "./executor.ts";
export type { DeviceArray } from "./host_values.ts";
export { type Bindings, type CompiledProgram, ProgramCache, type UseOptions } from "./program_cache.ts";
export {
  type BackendChoice,
  backendChoices,
  type ChosenExecutor,
  createExecutor,
  type ExecutorOptions,
} from "./select.ts";
export { listPipelines, type PipelineEntry } from "./webgpu/catalogue.ts";
export type { Profile } from "./webgpu/context.ts";
export { type DeviceDescription, type DeviceLimit, type deviceLimits, type Gpu } from "./webgpu/device.ts";
export type { BoundStep, WebGpuExecutable } from "./webgpu/executable.ts";
export type { WebGpuExecutor, WebGpuOptions } from "./webgpu/executor.ts";
export type { BufferRef, Dispatch, Scratch, StorageBinding, UniformValue } from "./webgpu/kernel.ts";
export type { DispatchProfile, Feeds, ProgramProfile } from "./webgpu/profile.ts";
export type { Step } from "./webgpu/schedule.ts";
export type { WebGpuTensor } from "./webgpu/tensor.ts";
export type { TunerCache } from "./webgpu/tuner.ts";
