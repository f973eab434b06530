/**
 * Timing one program through one backend, and what a backend can do at most.
 *
 * On WebGPU the device times each dispatch by itself (timestamps, or a clock over many dispatches), because one wait
 * for the device costs more than most kernels. The other backends are timed by the clock around `run`, so their
 * times include what a run of a session costs; `floor` says how much that is.
 *
 * @module
 */
import {
  type BackendChoice,
  createExecutor,
  createRng,
  type DeviceTensor,
  type Executor,
  type ExecutorOptions,
  ops,
  sizeOf,
  trace,
  type WebGpuExecutor,
} from "../../mod.ts";
import { type Ceiling, measureGpuCeiling } from "./gpu_ceiling.ts";
import type { KernelCase, OperandSpec } from "./kernel_cases.ts";
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

function elementwiseCase(size: number): KernelCase {
  const program = trace((graph) => {
    graph.state("result0", [size]);
    graph.update("result0", ops.neg(graph.state("x", [size])));
  });
  const operands = { x: { shape: [size], draw: "any", dtype: "f32" } } as const;
  return { family: "neg", shape: `${size}`, operands, program, flops: size, bytes: 8 * size, quick: true };
}

function matmulCase(size: number): KernelCase {
  const shape = [size, size];
  const program = trace((graph) => {
    graph.state("result0", shape);
    graph.update("result0", ops.matmul(graph.state("a", shape), graph.state("b", shape)));
  });
  const operand = { shape, draw: "any", dtype: "f32" } as const;
  const operands = { a: operand, b: operand };
  return {
    family: "matmul",
    shape: `${size}`,
    operands,
    program,
    flops: 2 * size ** 3,
    bytes: 0,
    quick: true,
  };
}

/** No kernel can be written here, so what the library is best at stands for the ceiling. */
async function measureHostCeiling(executor: Executor): Promise<Ceiling> {
  const slow = executor.info.backend === "reference";
  const products = (slow ? [64, 96] : [512, 1024]).map(matmulCase);
  const negations = (slow ? [2 ** 12, 2 ** 16] : [2 ** 18, 2 ** 24]).map(elementwiseCase);
  const best = async (cases: readonly KernelCase[], amount: "flops" | "bytes") => {
    let rate = 0;
    for (const work of cases) {
      const { min } = await timeOnHost(executor, work, CEILING_BUDGET);
      rate = Math.max(rate, work[amount] / (min / 1e3));
    }
    return rate;
  };
  const list = (cases: readonly KernelCase[]) => cases.map(({ shape }) => shape).join(" or ");
  return {
    flops: await best(products, "flops"),
    bytes: await best(negations, "bytes"),
    how: `matmul of side ${list(products)}; negation of ${list(negations)} numbers`,
  };
}

async function hostBench(backend: TimedBackend, executor: Executor, plan: TimingPlan): Promise<Bench> {
  const { device, details } = executor.info;
  const threads = Number(details["threads"] ?? 1);
  return {
    backend,
    device,
    ceiling: await measureHostCeiling(executor),
    floor: (await timeOnHost(executor, elementwiseCase(1), plan.budget)).min,
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
  return {
    backend: "webgpu",
    device: executor.info.device,
    ceiling: await measureGpuCeiling(gpu.device, gpu.description.software),
    floor: 0,
    async time(work) {
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
    },
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
