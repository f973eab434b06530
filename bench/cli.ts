/**
 * What all commands share: parsing, and what an error means for the exit code. 0: done. 1: the command did its work
 * and the answer is no, or something broke. 2: the command was used wrongly, or something it needs is not here.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { BackendUnavailableError, InputError, printableLines } from "../src/core/mod.ts";

/** Where a command writes. */
export interface Output {
  /** Results. */
  out(text: string): void;
  /** Errors and progress. */
  err(text: string): void;
}

/** A command. */
export interface CommandSpec<Options> {
  /** As after `deno task`. */
  readonly name: string;
  readonly description: string;
  /** Declares arguments and options. */
  configure(command: Command): void;
  /**
   * Runs and gives the exit code. `operands` are the arguments that are not options; `args` are all of them as typed,
   * absent where another command runs this one.
   */
  run(
    operands: readonly string[],
    options: Options,
    output: Output,
    args?: readonly string[],
  ): number | Promise<number>;
}

function encodeTo(stream: { writeSync(bytes: Uint8Array): number }): (text: string) => void {
  return (text) => {
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  };
}

const terminal: Output = { out: encodeTo(Deno.stdout), err: encodeTo(Deno.stderr) };

/** One line for people. */
function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${printableLines(message.trim()).replace(/[.\n]*$/, "")}.\n`;
}

function exitCodeOf(error: unknown): number {
  return error instanceof InputError || error instanceof BackendUnavailableError ? 2 : 1;
}

/**
 * Parses the arguments and runs a command. Never throws.
 *
 * @returns The exit code
 */
export async function runCommand<Options>(
  spec: CommandSpec<Options>,
  args: readonly string[],
  output: Output = terminal,
): Promise<number> {
  const command = new Command(spec.name)
    .description(spec.description)
    .option("--debug", "show where an error comes from")
    .exitOverride()
    .showHelpAfterError("(--help lists arguments and options)")
    .configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      // Asked otherwise, Commander reads the environment, which commands may not.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  spec.configure(command);
  let code = 0;
  command.action(async () => {
    code = await spec.run(command.args, command.opts() as Options, output, args);
  });
  try {
    await command.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // Commander has already printed; its own code for --help is 0, for wrong usage 1.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    output.err(sentence(error));
    if (command.opts()["debug"] && error instanceof Error) output.err(`${error.stack}\n`);
    return exitCodeOf(error);
  }
}

/** Runs a command as the program: ends the process with its exit code. */
export async function runMain<Options>(spec: CommandSpec<Options>): Promise<never> {
  Deno.exit(await runCommand(spec, Deno.args));
}

/** Parser of an option: a positive number. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("Wanted a positive number.");
  }
  return value;
}

/** Parser of an option: a positive integer. */
export function positiveInteger(text: string): number {
  const value = positiveNumber(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError("Wanted a positive integer.");
  return value;
}
