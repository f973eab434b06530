/**
 * The only training loop. It feeds batches to a step's program and looks at the losses now and then: a loss that is
 * not finite ends the training with the number of its step.
 *
 * @module
 */
import { DivergenceError } from "../core/errors.ts";
import type { DeviceTensor, Executable, HostArray } from "../executors/executor.ts";
import type { Optimiser } from "./optimisers/optimiser.ts";
import { learningRateAt, type Schedule } from "./optimisers/schedule.ts";
import { LOSS_RING } from "./step.ts";

/** How to run a step's program. */
export interface FitOptions {
  readonly executable: Executable;
  /** The `losses` state of the program. */
  readonly ring: DeviceTensor;
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  /** Steps of the whole schedule. */
  readonly steps: number;
  /** The first step to run, when a training goes on. */
  readonly firstStep?: number;
  /** Feeds of each step, without `hyper` and `ringSlot`. */
  readonly batches: Iterable<Readonly<Record<string, HostArray>>>;
  /** Called after every step; a rejected promise ends the training. */
  onStep?(step: number): void | Promise<void>;
}

/**
 * Trains until the batches or the steps are used up.
 *
 * @returns The loss of every step run
 * @throws {DivergenceError} If a loss is not finite
 */
export async function fit(options: FitOptions): Promise<number[]> {
  const { executable, ring, optimiser, schedule, steps, firstStep = 0, batches } = options;
  const losses: number[] = [];
  let step = firstStep;
  const collect = async () => {
    const values = await ring.read();
    for (let known = firstStep + losses.length; known < step; known++) {
      const loss = values[known % LOSS_RING]!;
      if (!Number.isFinite(loss)) {
        throw new DivergenceError(`Training diverged: the loss of step ${known} is ${loss}`, known);
      }
      losses.push(loss);
    }
  };
  for (const batch of batches) {
    if (step >= steps) break;
    await executable.run({
      ...batch,
      hyper: Float32Array.from(optimiser.hyper(learningRateAt(schedule, step, steps), step)),
      ringSlot: Int32Array.of(step % LOSS_RING),
    });
    step++;
    if (step - firstStep - losses.length === LOSS_RING) await collect();
    await options.onStep?.(step);
  }
  await collect();
  return losses;
}

/**
 * Checks what a training gave. A last step can spoil it without a later loss to show it.
 *
 * @param what Named in the error, such as "a weight"
 * @param steps Steps done
 * @throws {DivergenceError} If a value is not finite
 */
export function checkFinite(values: HostArray, what: string, steps: number): void {
  if (values.every(Number.isFinite)) return;
  const step = Math.max(0, steps - 1);
  throw new DivergenceError(`Training diverged: ${what} is not finite after step ${step}`, step);
}
