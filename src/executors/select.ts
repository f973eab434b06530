/**
 * Choosing a backend by name. Backends are loaded when chosen, so that a machine without one of them never notices.
 *
 * @module
 */
import { BackendUnavailableError, InputError } from "../core/errors.ts";
import type { Executor } from "./executor.ts";
import type { WebGpuOptions } from "./webgpu/executor.ts";

/** Names of backends as a user gives them. */
export const backendChoices = ["auto", "webgpu", "onnx", "onnx-node", "onnx-web", "reference"] as const;
/** A backend as a user names it. */
export type BackendChoice = typeof backendChoices[number];

/** Options of any backend. */
export interface ExecutorOptions {
  /** Most threads that native ONNX Runtime may use; all cores by default. The other backends do not use threads. */
  readonly threads?: number;
  /** For `webgpu` only. */
  readonly webgpu?: WebGpuOptions;
}

/** A backend and the reason for it. */
export interface ChosenExecutor {
  /** The backend, ready to use; whoever asked for it disposes of it. */
  readonly executor: Executor;
  /** In words, for people and records. */
  readonly why: string;
}

async function onnx(flavour: "auto" | "node" | "web", { threads }: ExecutorOptions): Promise<Executor> {
  const { createOnnxExecutor } = await import("./onnx/executor.ts");
  return await createOnnxExecutor({
    flavour,
    ...(threads === undefined || flavour === "web" ? {} : { threads }),
  });
}

/** WebGPU on a hardware adapter, or why not. */
async function hardwareGpu(): Promise<Executor | string> {
  const { createWebGpuExecutor } = await import("./webgpu/executor.ts");
  try {
    const executor = await createWebGpuExecutor();
    const { software, description } = executor.gpu.description;
    if (!software) return executor;
    await executor.dispose();
    return `the adapter ${description} computes on the CPU`;
  } catch (error) {
    if (error instanceof BackendUnavailableError) return error.message;
    throw error;
  }
}

async function automatic(options: ExecutorOptions): Promise<ChosenExecutor> {
  const found = await hardwareGpu();
  if (typeof found !== "string") {
    return { executor: found, why: `auto: hardware adapter ${found.info.device}` };
  }
  return { executor: await onnx("auto", options), why: `auto: no GPU (${found})` };
}

/**
 * Creates the backend of a name. `auto` is WebGPU on a hardware adapter, otherwise ONNX Runtime; a software adapter
 * is used only when `webgpu` is asked for. `onnx` is the native build where it loads, otherwise WebAssembly.
 *
 * @throws {BackendUnavailableError} If it cannot run here
 * @throws {InputError} If the number of threads is not a positive integer
 */
export async function createExecutor(
  choice: BackendChoice,
  options: ExecutorOptions = {},
): Promise<ChosenExecutor> {
  const { threads } = options;
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new InputError(`Cannot use ${threads} threads: wanted a positive integer`);
  }
  const why = `${choice} was asked for`;
  switch (choice) {
    case "auto":
      return await automatic(options);
    case "webgpu": {
      const { createWebGpuExecutor } = await import("./webgpu/executor.ts");
      return { executor: await createWebGpuExecutor(options.webgpu), why };
    }
    case "onnx":
      return { executor: await onnx("auto", options), why };
    case "onnx-node":
      return { executor: await onnx("node", options), why };
    case "onnx-web":
      return { executor: await onnx("web", options), why };
    case "reference": {
      const { createReferenceExecutor } = await import("./reference/executor.ts");
      return { executor: createReferenceExecutor(), why };
    }
  }
}
