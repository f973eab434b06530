/**
 * Who runs the training step of `deno task step`: our backends, and PyTorch as a process that answers requests.
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
  type WebGpuExecutable,
  type WebGpuExecutor,
} from "../../src/executors/mod.ts";
import { costOf } from "../../src/graph/mod.ts";
import { type AdapterStepShape, traceAdapterStep } from "../../src/methods/mod.ts";
import {
  adapterToTensors,
  createAdapter,
  initBackbone,
  initHead,
  pack,
  type ViTConfig,
} from "../../src/nn/mod.ts";
import { createOptimiser, defaultOptimiser } from "../../src/train/mod.ts";
import { createGemmRate } from "./gemm_rate.ts";

/** A shape of the step. */
export interface StepShape {
  /** In words. */
  readonly name: string;
  readonly run: AdapterStepShape;
}

/** What one step costs the host, on a backend that queues work. */
export interface HostCost {
  readonly dispatches: number;
  readonly submitsPerStep: number;
  /** Reads and other waits that a step itself asks for. */
  readonly waitsPerStep: number;
  readonly microsecondsPerDispatch: number;
}

/** Runs a number of steps, the device's work included, and gives the milliseconds of one. */
export interface Contestant {
  readonly name: string;
  /** Of one step by definition, whatever the contestant computes. */
  readonly flop: number;
  /** Of the device's memory, where it is apart from the host's. */
  readonly memory?: WebGpuExecutable["memory"];
  measure(steps: number): Promise<number>;
  /** FLOP/s of a large matrix product, the best of the calls so far. */
  gemmRate?(): Promise<number>;
  hostCost?(): Promise<HostCost>;
  dispose(): Promise<void>;
}

const classes = 20;
const base = {
  image: 32,
  channels: 3,
  depth: 4,
  heads: 4,
  norm: "pre",
  activation: "gelu",
  epsilon: 1e-6,
} as const;
const configs: readonly (readonly [string, ViTConfig])[] = [
  ["17 tokens, width 128", { ...base, patch: 8, width: 128, mlp: 512 }],
  ["65 tokens, width 64", { ...base, patch: 4, width: 64, mlp: 256 }],
];

/** The shipped backbone's shape and one of more tokens, at two batch sizes; adapters as the protocol has them. */
export const stepShapes: readonly StepShape[] = configs.flatMap(([name, config]) =>
  [32, 64].map((batch) => ({
    name: `${name}, batch ${batch}`,
    run: { config, batch, classes, head: "linear", lora: { rank: 8, scale: 1, targets: ["q", "v"] } },
  }))
);

function feedsOf({ config: { channels, image }, batch }: AdapterStepShape) {
  const rng = createRng(0, "images");
  return {
    "main.images": Uint8Array.from({ length: batch * channels * image ** 2 }, () => rng.integer(256)),
    "main.labels": Int32Array.from({ length: batch }, (_, i) => i % classes),
    "main.weights": new Float32Array(batch).fill(1),
    hyper: Float32Array.from(createOptimiser(defaultOptimiser).hyper(defaultOptimiser.learningRate, 0)),
    ringSlot: Int32Array.of(0),
  };
}

/** The step compiled, its states filled as at the start of a training. */
async function compileStep(executor: Executor, run: AdapterStepShape) {
  const rng = createRng(0, "step");
  const { program, packing } = traceAdapterStep(run, createOptimiser(defaultOptimiser));
  const head = initHead(classes, run.config.width, rng);
  const start = {
    ...adapterToTensors(createAdapter(run.config, run.lora, rng)),
    "head.weight": head.weight,
    "head.bias": head.bias,
  };
  const weights = initBackbone(run.config, rng);
  const ones = new Set(["fixed.mask", "still.lora.importance"]);
  const packed = new Float32Array(3 * packing.size);
  packed.set(pack(packing, start));
  const states = Object.fromEntries(
    Object.entries(program.states).map(([label, { shape }]): [string, DeviceTensor] => {
      const values = label === "packed"
        ? packed
        : ones.has(label)
        ? new Float32Array(sizeOf(shape)).fill(1)
        : weights[label]?.data;
      const frozen = label in weights;
      return [label, executor.tensor({ shape, label, frozen, ...(values && { values }) })];
    }),
  );
  return { executable: await executor.compile(program, states), states, flop: costOf(program).flop };
}

/**
 * One of our backends.
 *
 * @param warmUps Steps before the first measurement, which also settle the device's clock and caches
 */
export async function ownContestant(
  backend: BackendChoice,
  { run }: StepShape,
  options: ExecutorOptions = {},
  warmUps = 2,
): Promise<Contestant> {
  const { executor } = await createExecutor(backend, options);
  const { executable, states, flop } = await compileStep(executor, run);
  const gemm = await createGemmRate(executor);
  const feeds = feedsOf(run);
  const losses = states["losses"]!;
  const finish = async () => {
    const [loss] = await losses.read();
    if (!Number.isFinite(loss)) throw new Error(`Cannot time the step: its loss is ${loss}`);
  };
  for (let i = 0; i < warmUps; i++) await executable.run(feeds);
  await finish();
  const { threads } = options;
  const isGpu = executor.info.backend === "webgpu";
  return {
    name: executor.info.backend +
      (threads === undefined ? "" : `, ${threads} ${threads === 1 ? "thread" : "threads"}`),
    flop,
    gemmRate: () => gemm.measure(),
    async measure(steps) {
      const began = performance.now();
      for (let i = 0; i < steps; i++) await executable.run(feeds);
      await finish();
      return (performance.now() - began) / steps;
    },
    ...(isGpu && {
      memory: (executable as WebGpuExecutable).memory,
      hostCost: () =>
        hostCost(
          executor as WebGpuExecutor,
          executable as WebGpuExecutable,
          () => executable.run(feeds),
          finish,
        ),
    }),
    dispose: () => executor.dispose(),
  };
}

/** Steps are measured one at a time on an idle device, so that the time is recording and submitting, not queueing. */
const HOST_STEPS = 8;

async function hostCost(
  { gpu: { device } }: WebGpuExecutor,
  { steps }: WebGpuExecutable,
  step: () => Promise<unknown>,
  finish: () => Promise<void>,
): Promise<HostCost> {
  let submits = 0;
  let waits = 0;
  const { queue } = device;
  const [submit, done, map] = [queue.submit, queue.onSubmittedWorkDone, GPUBuffer.prototype.mapAsync];
  queue.submit = (buffers) => (submits++, submit.call(queue, buffers));
  queue.onSubmittedWorkDone = () => (waits++, done.call(queue));
  GPUBuffer.prototype.mapAsync = function (...args) {
    waits++;
    return map.apply(this, args);
  };
  try {
    let least = Infinity;
    const counted = { submits: 0, waits: 0 };
    for (let i = 0; i < HOST_STEPS; i++) {
      const [submitsBefore, waitsBefore] = [submits, waits];
      const began = performance.now();
      const running = step();
      least = Math.min(least, performance.now() - began);
      await running;
      counted.submits += submits - submitsBefore;
      counted.waits += waits - waitsBefore;
      await finish();
    }
    return {
      dispatches: steps.length,
      submitsPerStep: counted.submits / HOST_STEPS,
      waitsPerStep: counted.waits / HOST_STEPS,
      microsecondsPerDispatch: 1e3 * least / steps.length,
    };
  } finally {
    Object.assign(queue, { submit, onSubmittedWorkDone: done });
    GPUBuffer.prototype.mapAsync = map;
  }
}

/** PyTorch in a process of its own; one process serves all shapes. */
export class Torch {
  readonly #version: string;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  /**
   * @param python Name of the interpreter
   * @param version Of the PyTorch that it has
   */
  constructor(python: string, version: string) {
    this.#version = version;
    this.#process = new Deno.Command(python, {
      args: [decodeURIComponent(new URL("./peers/torch_step.py", import.meta.url).pathname)],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** The step of a shape, checked to train as many numbers as ours. */
  contestant({ run }: StepShape, threads: number): Contestant {
    const { config, batch, lora: { rank } } = run;
    const { program, packing } = traceAdapterStep(run, createOptimiser(defaultOptimiser));
    return {
      name: `PyTorch ${this.#version}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      flop: costOf(program).flop,
      measure: async (steps) => {
        const { milliseconds, parameters } = await this.#ask({
          config,
          classes,
          rank,
          batch,
          threads,
          steps,
        });
        if (parameters !== packing.size) {
          throw new Error(
            `Cannot compare: PyTorch trains ${parameters} numbers, this engine ${packing.size}`,
          );
        }
        return milliseconds.reduce((sum, value) => sum + value, 0) / steps;
      },
      dispose: () => Promise.resolve(),
    };
  }

  async dispose(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel();
    await this.#process.status;
  }

  async #ask(
    request: unknown,
  ): Promise<{ readonly milliseconds: readonly number[]; readonly parameters: number }> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    while (!this.#rest.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("PyTorch gave no answer");
      this.#rest += value;
    }
    const [line, ...rest] = this.#rest.split("\n");
    this.#rest = rest.join("\n");
    return JSON.parse(line!);
  }
}
