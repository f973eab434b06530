/**
 * Timing one program through one backend, and what a backend can do at most.
 *
 * On WebGPU the device times each dispatch by itself (timestamps, or a clock over many dispatches), because one wait
 * for the device costs more than most kernels. The other backends are timed by the clock around `run`, so their
 * times include what a run of a session costs; `floor` says how much that is.
 *
 * @module
 */
import { createRng, sizeOf } from "../../src/core/mod.ts";
import {
  type BackendChoice,
  createExecutor,
  type DeviceTensor,
  type Executor,
  type ExecutorOptions,
  type WebGpuExecutor,
} from "../../src/executors/mod.ts";
import { type Ceiling, measureGpuCeiling } from "./gpu_ceiling.ts";
import type { KernelCase, OperandSpec } from "./kernel_case.ts";
import { negation, squareProduct } from "./kernel_cases.ts";
import { type Sample, sample, summarise } from "./sampler.ts";

/** Backends that can be timed. */
export const timedBackends = ["webgpu", "onnx-node", "onnx-web", "reference"] as const;
/** Name of one. */
export type TimedBackend = typeof timedBackends[number];

/** One kernel on one backend. */
export interface KernelTime extends Sample {
  /** The kernel variants chosen, or the threads used. */
  readonly variant: string;
}

/** A backend, ready to time. */
export interface Bench {
  readonly backend: TimedBackend;
  readonly device: string;
  readonly ceiling: Ceiling;
  /** FLOP/s of a matrix product: of the ceiling's, or on a GPU of side 512. */
  readonly gemm: number;
  /** Milliseconds of a run that does next to nothing; 0 where the device times kernels itself. */
  readonly floor: number;
  time(work: KernelCase): Promise<KernelTime>;
  dispose(): Promise<void>;
}

/** How thoroughly to time. */
export interface TimingPlan {
  /** Milliseconds of sampling for each kernel. */
  readonly budget: number;
  /** Measurements of a WebGPU kernel, each the median of five. */
  readonly rounds: number;
}

/** A WebGPU kernel that takes longer, in milliseconds, is not measured again. */
const LONG = 300;

/** Side of the product that stands for a GPU's rate. */
const GPU_SIDE = 512;

/** Milliseconds of sampling for each candidate of a ceiling. */
const CEILING_BUDGET = 200;

function draw({ shape, draw }: OperandSpec, name: string): Float32Array | Int32Array {
  const rng = createRng(0, name);
  const length = sizeOf(shape);
  if (typeof draw === "object") return Int32Array.from({ length }, () => rng.integer(draw.below));
  const next =
    { any: () => 2 * rng.uniform() - 1, positive: () => 0.01 + rng.uniform(), ones: () => 1 }[draw];
  return Float32Array.from({ length }, next);
}

/** Values of a case's states by name; results start as zeros. */
function feedsOf({ operands }: KernelCase): Record<string, Float32Array | Int32Array> {
  return Object.fromEntries(Object.entries(operands).map(([name, spec]) => [name, draw(spec, name)]));
}

async function timeOnHost(executor: Executor, work: KernelCase, budget: number): Promise<Sample> {
  const values = feedsOf(work);
  const states = Object.fromEntries(
    Object.entries(work.program.states).map(([name, { shape, dtype }]): [string, DeviceTensor] => [
      name,
      executor.tensor({ shape, dtype, label: name, ...(values[name] && { values: values[name] }) }),
    ]),
  );
  const executable = await executor.compile(work.program, states);
  try {
    return await sample(() => executable.run({}), { budget });
  } finally {
    executable.dispose();
    for (const tensor of Object.values(states)) tensor.dispose();
  }
}

/** No kernel can be written here, so what the library is best at stands for the ceiling. */
async function measureHostCeiling(executor: Executor): Promise<Ceiling> {
  const slow = executor.info.backend === "reference";
  const sides = slow ? [64, 96] : [512, 1024];
  const sizes = slow ? [2 ** 12, 2 ** 16] : [2 ** 18, 2 ** 24];
  const best = async (cases: readonly KernelCase[], amount: "flop" | "bytes") => {
    let rate = 0;
    for (const work of cases) {
      const { min } = await timeOnHost(executor, work, CEILING_BUDGET);
      rate = Math.max(rate, work[amount] / (min / 1e3));
    }
    return rate;
  };
  return {
    flops: await best(sides.map(squareProduct), "flop"),
    bytes: await best(sizes.map(negation), "bytes"),
    how: `matmul of side ${sides.join(" or ")}; negation of ${sizes.join(" or ")} numbers`,
  };
}

async function hostBench(backend: TimedBackend, executor: Executor, plan: TimingPlan): Promise<Bench> {
  const { device, details } = executor.info;
  const threads = Number(details["threads"] ?? 1);
  const ceiling = await measureHostCeiling(executor);
  return {
    backend,
    device,
    ceiling,
    gemm: ceiling.flops,
    floor: (await timeOnHost(executor, negation(1), plan.budget)).min,
    time: async (work) => ({
      ...await timeOnHost(executor, work, plan.budget),
      variant: `${threads} ${threads === 1 ? "thread" : "threads"}`,
    }),
    dispose: () => executor.dispose(),
  };
}

/** Answers that kernel families gave on variants, without the shapes they were asked about. */
function variantsOf({ info: { details } }: Executor): string {
  const answers = Object.entries(details).filter(([key]) => key.startsWith("variant "));
  return [...new Set(answers.map(([, answer]) => String(answer)))].join(" ") || "only one";
}

async function gpuBench(
  executor: WebGpuExecutor,
  options: ExecutorOptions,
  plan: TimingPlan,
): Promise<Bench> {
  const { gpu } = executor;
  const time = async (work: KernelCase): Promise<KernelTime> => {
    // One executor for each kernel, so that the variants it reports are those of this kernel.
    const { executor } = await createExecutor("webgpu", { webgpu: { ...options.webgpu, gpu } });
    try {
      const feeds = feedsOf(work);
      const times: number[] = [];
      for (let round = 0; round < plan.rounds && (times[0] ?? 0) < LONG; round++) {
        const { dispatches } = await (executor as WebGpuExecutor).profile(work.program, feeds);
        times.push(1e3 * dispatches.reduce((sum, { seconds }) => sum + seconds, 0));
      }
      return { ...summarise(times), variant: variantsOf(executor) };
    } finally {
      await executor.dispose();
    }
  };
  const product = squareProduct(GPU_SIDE);
  return {
    backend: "webgpu",
    device: executor.info.device,
    ceiling: await measureGpuCeiling(gpu.device, gpu.description.software),
    gemm: product.flop / ((await time(product)).min / 1e3),
    floor: 0,
    time,
    dispose: () => executor.dispose(),
  };
}

/**
 * Creates a backend and measures its ceiling.
 *
 * @throws {BackendUnavailableError} If it cannot run here
 */
export async function createBench(backend: TimedBackend, plan: TimingPlan): Promise<Bench> {
  const options: ExecutorOptions = { webgpu: { now: () => performance.now() } };
  const { executor } = await createExecutor(backend satisfies BackendChoice, options);
  return backend === "webgpu"
    ? await gpuBench(executor as WebGpuExecutor, options, plan)
    : await hostBench(backend, executor, plan);
}
