/**
 * `deno task exact`: the promise that numbers are the same everywhere, checked. Backends that compute in an order of
 * their own on every machine must give the record hashes that are kept in `fixtures/expected`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { canonicalJson, InputError, replaceFile } from "../../src/core/mod.ts";
import { layoutOf, listRecords, parseCurrent, readRecordFile } from "../../src/protocol/mod.ts";
import { type CommandSpec, type Output, runMain } from "../cli.ts";
import { exactBackends } from "../grid/exact_backends.ts";
import { bench } from "./bench.ts";

interface Options {
  readonly suite: string;
  readonly backends: string;
  readonly methods?: string;
  readonly tasks?: string;
  readonly out: string;
  readonly write?: true;
}

/** Record hashes by backend and by the name of the cell. */
type Expected = Readonly<Record<string, Readonly<Record<string, string>>>>;

function fileOf(suite: string): string {
  return fileURLToPath(new URL(`../../fixtures/expected/${suite}.json`, import.meta.url));
}

function configure(command: Command): void {
  command
    .option("--suite <name>", "the suite to run", "smoke")
    .option(
      "--backends <list>",
      "backends, of onnx-web (seconds) and reference (minutes)",
      "onnx-web,reference",
    )
    .option("--methods <list>", "only these methods")
    .option("--tasks <list>", "only these numbers of tasks")
    .option("--out <dir>", "folder for the records; a folder for each backend is made in it", "runs/exact")
    .option(
      "--write",
      "keep what was found as what is expected, after a change that is meant to move numbers",
    );
}

async function readExpected(suite: string): Promise<Expected> {
  try {
    return JSON.parse(await Deno.readTextFile(fileOf(suite))) as Expected;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** Runs the suite and gives the hash of every record. */
async function hashesOf(backend: string, options: Options, output: Output): Promise<Record<string, string>> {
  const out = `${options.out}/${backend}`;
  const { suite, methods, tasks } = options;
  const flags = {
    suite,
    backend,
    out,
    fresh: true as const,
    ...(methods && { methods }),
    ...(tasks && { tasks }),
  };
  const quiet: Output = { out: () => {}, err: output.err };
  if (await bench.run([], flags, quiet) !== 0) {
    throw new InputError(`Cannot compare ${backend}: a cell failed`);
  }
  const found: Record<string, string> = {};
  for (const path of await listRecords(layoutOf(out).records)) {
    const { start, end } = parseCurrent(await readRecordFile(path), path);
    const { method, tasks, orderSeed } = start.cell;
    found[`${method} T=${tasks} seed ${orderSeed}`] = end!.hash;
  }
  return found;
}

async function run(_: readonly string[], options: Options, output: Output): Promise<number> {
  const backends = options.backends.split(",");
  for (const name of backends) {
    if (!(exactBackends as readonly string[]).includes(name)) {
      throw new InputError(`Cannot expect exact numbers of ${name}: wanted of ${exactBackends.join(", ")}`);
    }
  }
  const expected = await readExpected(options.suite);
  if (!options.write && Object.keys(expected).length === 0) {
    throw new InputError(
      `Cannot compare suite ${options.suite}: nothing is expected of it, --write keeps what is found`,
    );
  }
  const found: Record<string, Record<string, string>> = {};
  let wrong = 0;
  for (const backend of backends) {
    found[backend] = await hashesOf(backend, options, output);
    if (options.write) continue;
    for (const [cell, hash] of Object.entries(found[backend])) {
      const wanted = expected[backend]?.[cell];
      if (wanted === hash) continue;
      wrong++;
      output.out(`${backend}, ${cell}: found ${hash}, wanted ${wanted ?? "nothing of that name"}\n`);
    }
    output.out(`${backend}: ${Object.keys(found[backend]).length} records compared\n`);
  }
  if (options.write) {
    const kept = Object.fromEntries(
      [...new Set([...Object.keys(expected), ...backends])].map((backend) => [
        backend,
        { ...expected[backend], ...found[backend] },
      ]),
    );
    await replaceFile(fileOf(options.suite), `${JSON.stringify(JSON.parse(canonicalJson(kept)), null, 2)}\n`);
    output.out(`Kept in fixtures/expected/${options.suite}.json\n`);
    return 0;
  }
  output.out(wrong === 0 ? "All hashes are as expected\n" : `${wrong} hashes differ\n`);
  return wrong === 0 ? 0 : 1;
}

/** The command. */
export const exact: CommandSpec<Options> = {
  name: "exact",
  description: "Holds record hashes against those that every machine must give.",
  configure,
  run,
};

if (import.meta.main) await runMain(exact);
