/**
 * The errors a caller is expected to tell apart. Everything else is one of the built-in classes, chosen by
 * meaning (`TypeError` for a wrong kind, `RangeError` for a wrong value).
 *
 * @module
 */

/** Input from outside (an option, a file, a record) is wrong. Commands print the message and exit with code 2. */
export class InputError extends Error {
  /** What tells it from other errors where `instanceof` cannot. */
  override readonly name = "InputError";
}

/** A backend that was asked for cannot run here. Commands print the message and exit with code 2. */
export class BackendUnavailableError extends Error {
  /** What tells it from other errors where `instanceof` cannot. */
  override readonly name = "BackendUnavailableError";
}

/** Training produced a value that is not finite. The cell is recorded as failed; others go on. */
export class DivergenceError extends Error {
  /** What tells it from other errors where `instanceof` cannot. */
  override readonly name = "DivergenceError";
  /** Zero-based optimiser step of the first loss that is not finite. */
  readonly step: number;

  /** An error of a training that diverged at `step`, counted from 0. */
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}
