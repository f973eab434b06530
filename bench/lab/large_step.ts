/**
 * `deno task step --model NAME`: the LoRA training step of a model of the field's size with random weights, on one
 * backend: does it fit, and how long does it take?
 *
 * @module
 */
import { resourceUsage } from "node:process";
import { type BackendChoice } from "../../src/executors/mod.ts";
import { type AdapterStepShape } from "../../src/methods/mod.ts";
import { vitB16 } from "../../src/nn/mod.ts";
import { type Contestant, ownContestant } from "./step_contestants.ts";

/** Measurements of a matrix product in a round: they are short beside the step. */
const GEMMS = 5;

/** Models by name. */
export const largeModels = { "vit-b16": vitB16 } as const;

/** Name of a model. */
export type LargeModel = keyof typeof largeModels;

/** What to measure. */
export interface LargeStepOptions {
  readonly model: LargeModel;
  readonly backend: BackendChoice;
  readonly batch: number;
  /** Blocks; those of the model if absent. */
  readonly depth?: number;
  /** Steps to time, after one that is not. */
  readonly rounds: number;
}

/** What was measured. */
export interface LargeStepReport {
  readonly model: LargeModel;
  readonly depth: number;
  readonly batch: number;
  readonly backend: string;
  /** Making weights, compiling, and the first step. */
  readonly secondsToReady: number;
  /** The least of all rounds. */
  readonly secondsPerStep: number;
  /** By the step's definition. */
  readonly gflopPerSecond: number;
  /** Of a large matrix product by the same backend, the best of as many measurements. */
  readonly gemmGflopPerSecond: number;
  /** The most resident memory that this process ever had. */
  readonly peakBytes: number;
  /** Of a backend with memory of its own. */
  readonly device?: Contestant["memory"];
}

/** The run of a model as the protocol would have it: rank 8 on q and v. */
export function largeRun(
  { model, batch, depth }: Pick<LargeStepOptions, "model" | "batch" | "depth">,
): AdapterStepShape {
  const known = largeModels[model];
  return {
    config: { ...known, depth: depth ?? known.depth },
    batch,
    classes: 20,
    head: "linear",
    lora: { rank: 8, scale: 1, targets: ["q", "v"] },
  };
}

/** Measures the step. Peak memory is that of the whole process: measure one model a process. */
export async function measureLargeStep(options: LargeStepOptions): Promise<LargeStepReport> {
  const { model, batch, backend, rounds } = options;
  const run = largeRun(options);
  const began = performance.now();
  const contestant = await ownContestant(backend, { name: model, run }, {}, 1);
  try {
    const ready = performance.now() - began;
    let best = Infinity;
    let gemm = 0;
    for (let round = 0; round < rounds; round++) {
      best = Math.min(best, await contestant.measure(1));
      for (let i = 0; i < GEMMS; i++) gemm = await contestant.gemmRate!();
    }
    return {
      model,
      depth: run.config.depth,
      batch,
      backend: contestant.name,
      secondsToReady: ready / 1e3,
      secondsPerStep: best / 1e3,
      gflopPerSecond: contestant.flop / best / 1e6,
      gemmGflopPerSecond: gemm / 1e9,
      peakBytes: 1024 * resourceUsage().maxRSS,
      ...(contestant.memory && { device: contestant.memory }),
    };
  } finally {
    await contestant.dispose();
  }
}

/** For people. */
export function describeLargeStep(report: LargeStepReport): string {
  const { model, depth, batch, backend, secondsToReady, secondsPerStep, peakBytes, device } = report;
  const { gflopPerSecond, gemmGflopPerSecond } = report;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${model}, ${depth} blocks, batch ${batch}, LoRA of rank 8 on q and v, on ${backend}`,
    `ready after     ${secondsToReady.toFixed(1)} s, one step included`,
    `one step        ${secondsPerStep.toFixed(2)} s, ${(batch / secondsPerStep).toFixed(2)} images/s`,
    `arithmetic      ${gflopPerSecond.toFixed(1)} GFLOP/s by definition, ${
      (100 * gflopPerSecond / gemmGflopPerSecond).toFixed(0)
    } % of a matrix product's ${gemmGflopPerSecond.toFixed(1)}`,
    `peak memory     ${(peakBytes / 2 ** 30).toFixed(2)} GiB of this process`,
    ...(device
      ? [
        `intermediates   ${mebibytes(device.bytes)}, ${mebibytes(device.bytesWithoutReuse)} without reuse`,
        `largest binding ${mebibytes(device.largestBinding)}`,
      ]
      : []),
  ].map((line) => `${line}\n`).join("");
}
