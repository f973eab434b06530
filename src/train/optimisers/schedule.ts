/**
 * The learning rate over the steps of a training.
 *
 * @module
 */

/** How the rate moves. */
export interface Schedule {
  /** The peak rate. */
  readonly learningRate: number;
  /** `"cosine"` falls towards 0, which the step after the last would reach. */
  readonly schedule: "constant" | "cosine";
  /** Share of all steps in which the rate rises linearly to its peak. */
  readonly warmup: number;
}

/** The learning rate of a step, counted from 0. */
export function learningRateAt(
  { learningRate, schedule, warmup }: Schedule,
  step: number,
  steps: number,
): number {
  const rising = Math.round(warmup * steps);
  if (step < rising) return learningRate * (step + 1) / rising;
  if (schedule === "constant") return learningRate;
  const progress = (step - rising) / Math.max(1, steps - rising);
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}
