/**
 * Being asked to stop: Ctrl-C, or SIGTERM of whoever started the program.
 *
 * @module
 */

/** The signals that ask a program to end, and the exit codes that shells expect of them. */
const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that asks to stop. */
export type StopSignal = keyof typeof CODES;

/** Listens for a first signal; a second one ends the program as if nobody listened. */
export interface Interrupts {
  /** Settles when the first signal comes. */
  readonly signal: Promise<StopSignal>;
  /** Leaves signals to the system again. */
  dispose(): void;
}

/** The exit code of a program that a signal ended. */
export function exitCodeOf(signal: StopSignal): number {
  return CODES[signal];
}

/** Begins to listen. */
export function listenForInterrupts(): Interrupts {
  // Windows knows no SIGTERM.
  const signals: readonly StopSignal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  const listeners = signals.map((signal) => {
    const listener = () => {
      dispose();
      resolve(signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  const dispose = () => listeners.splice(0).forEach((remove) => remove());
  return { signal: promise, dispose };
}

/** A command line as one types it. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}
