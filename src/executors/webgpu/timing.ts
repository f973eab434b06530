/**
 * Measures single dispatches: by the device's own timestamps where it has them, else by a clock over so many
 * dispatches that one wait for the device does not matter.
 *
 * @module
 */
import type { Gpu } from "./device.ts";
import { type BoundStep, encodeSteps } from "./executable.ts";
import type { Readback } from "./transfer.ts";

/** How to measure. */
export interface TimingOptions {
  /** Measurements of each dispatch, of which the median counts. One more, the first, is dropped. */
  readonly repeats?: number;
  /** Milliseconds; needed for devices without timestamps. */
  readonly now?: () => number;
}

/** A device has room for at most 4096 queries in a set. */
const STEPS_PER_SET = 2048;
/** By the clock, the dispatches of one measurement take at least so long. */
const CLOCK_MILLISECONDS = 100;

/**
 * Seconds that each step takes by itself on the device.
 *
 * @throws {Error} If the device has no timestamps and no clock is given
 */
export async function timeSteps(
  gpu: Gpu,
  readback: Readback,
  steps: readonly BoundStep[],
  options: TimingOptions = {},
): Promise<number[]> {
  const { repeats = 5, now } = options;
  if (gpu.hasTimestamps) {
    const rounds: number[][] = [];
    for (let round = 0; round <= repeats; round++) {
      const seconds: number[] = [];
      for (let first = 0; first < steps.length; first += STEPS_PER_SET) {
        seconds.push(...await stamp(gpu, readback, steps.slice(first, first + STEPS_PER_SET)));
      }
      rounds.push(seconds);
    }
    return steps.map((_, i) => median(rounds.slice(1).map((seconds) => seconds[i]!)));
  }
  if (!now) throw new Error("Cannot time kernels: the device has no timestamps, and no clock is given");
  const seconds: number[] = [];
  for (const step of steps) seconds.push(await clock(gpu, step, repeats, now));
  return seconds;
}

/** One pass for each step, with a timestamp at both ends. */
async function stamp(gpu: Gpu, readback: Readback, steps: readonly BoundStep[]): Promise<number[]> {
  const { device } = gpu;
  const count = 2 * steps.length;
  const { querySet, resolved, finish } = gpu.guard("time kernels", () => {
    const querySet = device.createQuerySet({ label: "timestamps", type: "timestamp", count });
    const resolved = device.createBuffer({
      label: "timestamps",
      size: 8 * count,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
    const encoder = device.createCommandEncoder({ label: "time kernels" });
    steps.forEach((step, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ label: step.dispatch.kernel, timestampWrites });
      encodeSteps(pass, [step]);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    const finish = readback.encode(encoder, [{ buffer: resolved, offset: 0, size: 2 * count, dtype: "i32" }]);
    device.queue.submit([encoder.finish()]);
    return { querySet, resolved, finish };
  });
  await gpu.settle();
  const [words] = await finish();
  querySet.destroy();
  resolved.destroy();
  const nanoseconds = new BigUint64Array(words!.buffer);
  return steps.map((_, i) => Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e9);
}

/** Doubles the number of dispatches until they take long enough to be told from the wait. */
async function clock(gpu: Gpu, step: BoundStep, repeats: number, now: () => number): Promise<number> {
  const spent = async (count: number) => {
    const start = now();
    gpu.guard("time kernels", () => {
      const encoder = gpu.device.createCommandEncoder({ label: "time kernels" });
      const pass = encoder.beginComputePass({ label: step.dispatch.kernel });
      for (let i = 0; i < count; i++) encodeSteps(pass, [step]);
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
    });
    await gpu.settle();
    await gpu.device.queue.onSubmittedWorkDone();
    return now() - start;
  };
  await spent(1);
  let count = 1;
  while (await spent(count) < CLOCK_MILLISECONDS && count < 2 ** 16) count *= 2;
  const samples: number[] = [];
  for (let i = 0; i < repeats; i++) samples.push(await spent(count) - await spent(0));
  return Math.max(0, median(samples)) / count / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
