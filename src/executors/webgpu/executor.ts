/**
 * The WebGPU backend: our WGSL kernels under planned memory, one submission a run and no waiting unless an output
 * is read.
 *
 * @module
 */
import { BackendUnavailableError } from "../../core/errors.ts";
import { type Program, trace } from "../../graph/graph.ts";
import {
  type BackendInfo,
  checkBindings,
  type DeviceTensor,
  type DeviceTensorOptions,
  type Executor,
} from "../executor.ts";
import { Arena } from "./arena.ts";
import type { Profile } from "./context.ts";
import { acquireGpu, type Gpu } from "./device.ts";
import { type BoundStep, type Shared, WebGpuExecutable } from "./executable.ts";
import { PipelineCache } from "./pipelines.ts";
import { type MemoryPlan, planApart, planMemory } from "./planner.ts";
import { type Feeds, profileProgram, type ProgramProfile } from "./profile.ts";
import { nativeProgram, type Schedule, schedule, type Step } from "./schedule.ts";
import { WebGpuTensor } from "./tensor.ts";
import { timeSteps, type TimingOptions } from "./timing.ts";
import { Readback } from "./transfer.ts";
import { type TunerCache, TuningTable } from "./tuner.ts";
import { Variants } from "./variants.ts";

/** Options of the WebGPU backend. */
export interface WebGpuOptions {
  /** Rules of thumb that kernels follow; those of the adapter by default. */
  readonly profile?: Profile;
  /** Forces a variant by kernel family, wherever the family offers it. */
  readonly variants?: Readonly<Record<string, string>>;
  /** Choices between variants measured before. */
  readonly cache?: TunerCache;
  /** Measures the variants of every new class of shapes at compilation: about a minute for a model. Not by default. */
  readonly tune?: boolean;
  /** Milliseconds, for measurements on devices without timestamps. */
  readonly now?: () => number;
  /** A device to share. It outlives the executor. By default the executor acquires one of its own. */
  readonly gpu?: Gpu;
}

/** The WebGPU backend. */
export class WebGpuExecutor implements Executor {
  /** The device it runs on. */
  readonly gpu: Gpu;
  readonly #profile: Profile;
  readonly #ownsGpu: boolean;
  readonly #pipelines: PipelineCache;
  readonly #variants: Variants;
  readonly #tune: boolean;
  readonly #timing: TimingOptions;
  readonly #shared: Shared;
  #queued = 0;

  /** Use `createWebGpuExecutor`. */
  constructor(gpu: Gpu, options: WebGpuOptions) {
    const { profile = "auto", variants = {}, cache, tune = false, now } = options;
    this.gpu = gpu;
    this.#profile = profile;
    this.#ownsGpu = !options.gpu;
    this.#pipelines = new PipelineCache(gpu.device);
    this.#variants = new Variants(
      gpu.description,
      profile,
      variants,
      new TuningTable(gpu.description, cache),
    );
    this.#tune = tune;
    this.#timing = now ? { now } : {};
    this.#shared = {
      gpu,
      arena: new Arena(gpu),
      readback: new Readback(gpu),
      submitted: (waited) => this.#submitted(waited),
    };
  }

  /** Facts about the adapter, and the kernel variants that programs compiled so far use. */
  get info(): BackendInfo {
    const { vendor, architecture, description, software, features } = this.gpu.description;
    const details = { vendor, architecture, software, features: features.join(" "), profile: this.#profile };
    return { backend: "webgpu", device: description, details: { ...details, ...this.#variants.inUse } };
  }

  /** Bytes of GPU memory that the intermediate values of all compiled programs share. */
  get arenaBytes(): number {
    return this.#shared.arena.bytes;
  }

  /** Creates a tensor in GPU memory. */
  tensor(options: DeviceTensorOptions): WebGpuTensor {
    return new WebGpuTensor(this.gpu, this.#shared.readback, options);
  }

  async compile(program: Program, states: Readonly<Record<string, DeviceTensor>>): Promise<WebGpuExecutable> {
    this.gpu.check();
    checkBindings(program, states);
    const tensors = ownTensors(program, states);
    const native = nativeProgram(program);
    if (this.#tune) await this.#variants.tune(native, (steps) => this.#timeApart(steps));
    const { steps } = schedule(native, () => this.#variants.context());
    const plan = planMemory(native, steps.map(({ dispatch }) => dispatch), (name) => tensors[name]);
    return await this.#build({ program: native, steps }, plan, tensors);
  }

  /**
   * Measures every dispatch of a program on the device.
   *
   * @param feeds Values of inputs and states by name; zeros where absent
   * @throws {Error} If the device has no timestamps and the executor was given no clock
   */
  profile(program: Program, feeds: Feeds = {}): Promise<ProgramProfile> {
    return profileProgram(this, program, feeds, (steps) => this.#time(steps));
  }

  /** Frees the device unless it was given to the executor. Tensors and programs cannot be used afterwards. */
  dispose(): Promise<void> {
    this.#shared.readback.dispose();
    if (this.#ownsGpu) this.gpu.dispose();
    return Promise.resolve();
  }

  async #build(
    lowered: Schedule,
    plan: MemoryPlan,
    tensors: Readonly<Record<string, WebGpuTensor>>,
  ): Promise<WebGpuExecutable> {
    const pipelines = await Promise.all(lowered.steps.map(({ dispatch }) => this.#pipelines.get(dispatch)));
    const executable = new WebGpuExecutable(this.#shared, lowered, plan, pipelines, tensors);
    try {
      await this.gpu.settle();
    } catch (error) {
      executable.dispose();
      throw error;
    }
    return executable;
  }

  #time(steps: readonly BoundStep[]): Promise<number[]> {
    return timeSteps(this.gpu, this.#shared.readback, steps, this.#timing);
  }

  /** Seconds that some dispatches take on memory of their own. */
  async #timeApart(steps: readonly Step[]): Promise<number> {
    const plan = planApart(steps.map(({ dispatch }) => dispatch));
    const executable = await this.#build({ program: trace(() => {}), steps }, plan, {});
    try {
      return (await this.#time(executable.steps)).reduce((sum, seconds) => sum + seconds, 0);
    } finally {
      executable.dispose();
    }
  }

  /**
   * Bounds the work in flight, so that pending uploads do not pile up and a stop signal is heard within seconds.
   * The wait costs 10 ms in Deno: little beside a software adapter's slow runs, which follow each other without a
   * gap anyway, or spread over many fast ones.
   */
  #submitted(waited: boolean): Promise<void> | undefined {
    this.#queued = waited ? 0 : this.#queued + 1;
    if (this.#queued < (this.gpu.description.software ? 16 : 64)) return undefined;
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
 * @throws {InputError} If the tuner's cache cannot be read
 */
export async function createWebGpuExecutor(options: WebGpuOptions = {}): Promise<WebGpuExecutor> {
  const gpu = options.gpu ?? await acquireGpu();
  const canMeasure = gpu.hasTimestamps || options.now !== undefined;
  if (options.tune && !canMeasure) {
    throw new BackendUnavailableError(
      "Cannot tune kernels: the device has no timestamps, and no clock is given",
    );
  }
  return new WebGpuExecutor(gpu, options);
}
