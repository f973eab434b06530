/**
 * Being asked to stop: Ctrl-C, or SIGTERM of whoever started the program.
 *
 * @module
 */

/** The signals that ask a program to end, and the exit codes that shells expect of them. */
const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** A signal that asks to stop. */
export type StopSignal = keyof typeof CODES;

/** Milliseconds in which a second signal is the first one again: `deno task` hands on what the terminal sends to all. */
const ECHO = 1000;

/** Listens for a first signal; a later one ends the program at once. */
export interface Interrupts {
  /** Settles when the first signal comes. */
  readonly signal: Promise<StopSignal>;
  /** Leaves signals to the system again, unless one has come. */
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
  let first: number | undefined;
  const listeners = signals.map((signal) => {
    const listener = () => {
      const now = performance.now();
      if (first !== undefined && now - first > ECHO) Deno.exit(exitCodeOf(signal));
      first ??= now;
      resolve(signal);
    };
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return {
    signal: promise,
    dispose() {
      // After a signal the program is about to end; its echo must not cut that short.
      if (first === undefined) listeners.splice(0).forEach((remove) => remove());
    },
  };
}

/** A command line as one types it. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
    .join(" ");
}
