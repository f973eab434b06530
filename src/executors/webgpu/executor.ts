/**
 * The WebGPU backend: our WGSL kernels under planned memory, one submission a run and no waiting unless an output
 * is read.
 *
 * @module
 */
import type { Program } from "../../graph/graph.ts";
import {
  type BackendInfo,
  checkBindings,
  type DeviceTensor,
  type DeviceTensorOptions,
  type Executor,
} from "../executor.ts";
import { Arena } from "./arena.ts";
import { createContext, type Profile } from "./context.ts";
import { acquireGpu, type Gpu } from "./device.ts";
import { type Shared, WebGpuExecutable } from "./executable.ts";
import { PipelineCache } from "./pipelines.ts";
import { planMemory } from "./planner.ts";
import { schedule } from "./schedule.ts";
import { WebGpuTensor } from "./tensor.ts";
import { Readback } from "./transfer.ts";

/** Options of the WebGPU backend. */
export interface WebGpuOptions {
  /** Rules of thumb that kernels follow; those of the adapter by default. */
  readonly profile?: Profile;
  /** Forces a variant by kernel family, wherever the family offers it. */
  readonly variants?: Readonly<Record<string, string>>;
  /** A device to share. It outlives the executor. By default the executor acquires one of its own. */
  readonly gpu?: Gpu;
}

/** The WebGPU backend. */
export class WebGpuExecutor implements Executor {
  readonly gpu: Gpu;
  readonly #profile: Profile;
  readonly #forced: Readonly<Record<string, string>>;
  readonly #ownsGpu: boolean;
  readonly #pipelines: PipelineCache;
  readonly #shared: Shared;
  readonly #chosen = new Map<string, string>();
  #queued = 0;

  constructor(gpu: Gpu, { profile = "auto", variants = {}, gpu: shared }: WebGpuOptions = {}) {
    this.gpu = gpu;
    this.#profile = profile;
    this.#forced = variants;
    this.#ownsGpu = !shared;
    this.#pipelines = new PipelineCache(gpu.device);
    this.#shared = {
      gpu,
      arena: new Arena(gpu),
      readback: new Readback(gpu),
      submitted: (waited) => this.#submitted(waited),
    };
  }

  get info(): BackendInfo {
    const { vendor, architecture, description, software, features } = this.gpu.description;
    return {
      backend: "webgpu",
      device: description,
      details: {
        vendor,
        architecture,
        software,
        features: features.join(" "),
        profile: this.#profile,
        ...Object.fromEntries([...this.#chosen].sort()),
      },
    };
  }

  /** Bytes of GPU memory that the intermediate values of all compiled programs share. */
  get arenaBytes(): number {
    return this.#shared.arena.bytes;
  }

  tensor(options: DeviceTensorOptions): WebGpuTensor {
    return new WebGpuTensor(this.gpu, this.#shared.readback, options);
  }

  async compile(program: Program, states: Readonly<Record<string, DeviceTensor>>): Promise<WebGpuExecutable> {
    this.gpu.check();
    checkBindings(program, states);
    const tensors = ownTensors(program, states);
    const lowered = schedule(program, this.#context());
    const dispatches = lowered.steps.map(({ dispatch }) => dispatch);
    const plan = planMemory(lowered.program, dispatches, (name) => tensors[name]);
    const pipelines = await Promise.all(dispatches.map((dispatch) => this.#pipelines.get(dispatch)));
    const executable = new WebGpuExecutable(this.#shared, lowered, plan, pipelines, tensors);
    await this.gpu.settle();
    return executable;
  }

  dispose(): Promise<void> {
    this.#shared.readback.dispose();
    if (this.#ownsGpu) this.gpu.dispose();
    return Promise.resolve();
  }

  #context() {
    return createContext(this.gpu.description, this.#profile, {
      forced: this.#forced,
      measured: () => undefined,
      answered: ({ family, shapeClass }, answer) =>
        void this.#chosen.set(`variant ${family} ${shapeClass}`, answer),
    });
  }

  /**
   * Bounds the work in flight, so that pending uploads do not pile up and a stop signal is heard within seconds.
   * The wait costs 10 ms in Deno: little beside a software adapter's slow runs, or spread over many fast ones.
   */
  #submitted(waited: boolean): Promise<void> | undefined {
    this.#queued = waited ? 0 : this.#queued + 1;
    if (this.#queued < (this.gpu.description.software ? 8 : 64)) return undefined;
    this.#queued = 0;
    return this.gpu.device.queue.onSubmittedWorkDone().then(() => {});
  }
}

/** The tensors of a program's states, which must be ours and must not be updated through two names. */
function ownTensors(
  { states, updates }: Program,
  bound: Readonly<Record<string, DeviceTensor>>,
): Readonly<Record<string, WebGpuTensor>> {
  const updated = new Map<DeviceTensor, string>();
  return Object.fromEntries(
    Object.keys(states).map((name) => {
      const tensor = bound[name]!;
      if (!(tensor instanceof WebGpuTensor)) {
        throw new TypeError(`Cannot bind state "${name}": the tensor belongs to another backend`);
      }
      const other = updated.get(tensor);
      if (name in updates && other !== undefined) {
        throw new RangeError(
          `Cannot bind states "${other}" and "${name}": both are updated, and share a tensor`,
        );
      }
      if (name in updates) updated.set(tensor, name);
      return [name, tensor];
    }),
  );
}

/**
 * Acquires a GPU and creates the backend on it.
 *
 * @throws {BackendUnavailableError} If there is no adapter
 */
export async function createWebGpuExecutor(options: WebGpuOptions = {}): Promise<WebGpuExecutor> {
  return new WebGpuExecutor(options.gpu ?? await acquireGpu(), options);
}
