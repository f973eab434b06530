/**
 * Running the bench and reading what it leaves, for its tests.
 *
 * Test support, imported by tests only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseCurrent, type RunRecord } from "../../src/protocol/mod.ts";
import { callCommand, exists } from "../test_kit.ts";
import { bench } from "./bench.ts";

/** Runs the command in this process. */
export const run = (...args: string[]): ReturnType<typeof callCommand> => callCommand(bench, args);

/** Runs the command in a process of its own. */
export function runProcess(
  args: readonly string[],
  { env = {}, stderr = "null" }: {
    readonly env?: Record<string, string>;
    readonly stderr?: "null" | "piped";
  } = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("./bench.ts", import.meta.url).pathname, ...args],
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr,
  });
}

/** All records of an output folder by their file names. */
export async function recordsIn(out: string): Promise<Map<string, RunRecord>> {
  const records = new Map<string, RunRecord>();
  for await (const { name } of Deno.readDir(`${out}/records`)) {
    records.set(name, parseCurrent(await Deno.readTextFile(`${out}/records/${name}`), name));
  }
  return records;
}

/** The hash of each record of an output folder. */
export async function hashesIn(out: string): Promise<Record<string, string | undefined>> {
  return Object.fromEntries([...await recordsIn(out)].map(([name, { end }]) => [name, end?.hash]).sort());
}

/** Waits until a record has the line of its first task. */
export async function untilTaskDone(records: string): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 5) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!await exists(records)) continue;
    for await (const { name } of Deno.readDir(records)) {
      if (name.endsWith(".jsonl") && /\n.*\n/.test(await Deno.readTextFile(`${records}/${name}`))) return;
    }
  }
  assert.fail("no task was done within a minute");
}
