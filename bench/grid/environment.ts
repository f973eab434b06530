/**
 * Facts about this machine and this program for records: what could influence a number without being part of a
 * cell's identity.
 *
 * @module
 */
import { cpus } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import project from "../../deno.json" with { type: "json" };
import type { BackendInfo } from "../../src/executors/mod.ts";
import type { Environment, Machine } from "../../src/protocol/mod.ts";

/**
 * Versions, commit, machine and processor. The backend adds what it knows of itself, such as kernel variants, at the
 * end of a record.
 *
 * @param arithmetic See `arithmeticOf`
 */
export async function describeEnvironment({ device }: BackendInfo, arithmetic: string): Promise<Environment> {
  return {
    version: project.version,
    commit: await readCommit(),
    deno: Deno.version.deno,
    target: Deno.build.target,
    processor: {
      architecture: Deno.build.arch,
      model: (await known(() => cpus()[0]?.model)) ?? null,
      instructions: instructionsIn((await known(() => Deno.readTextFile("/proc/cpuinfo"))) ?? ""),
      arithmetic,
    },
    cores: navigator.hardwareConcurrency,
    device,
  };
}

/** What asking gives, or `undefined` where it is not permitted or there is nothing to ask. */
async function known<T>(ask: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}

/** Vector and matrix extensions, as Linux names them. */
const EXTENSION = /^(fma|f16c|avx|amx|sse4|asimd|sve|sme|bf16|i8mm|neon|rvv|lasx|lsx)/;

/**
 * The vector extensions that a `cpuinfo` file lists; `null` if it lists none. Deno shows the file only with all
 * permissions.
 */
export function instructionsIn(cpuinfo: string): string[] | null {
  const flags = /^(?:flags|Features|isa)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "";
  const found = flags.split(/\s+/).filter((flag) => EXTENSION.test(flag)).sort();
  return found.length > 0 ? found : null;
}

/** What tells this machine from others that share a folder, as far as this program may know. */
export async function nameMachine(): Promise<Machine> {
  const id = (await known(() => Deno.readTextFile("/etc/machine-id")))?.trim();
  const name = await known(() => Deno.hostname());
  return { ...(id && { id }), ...(name && { name }) };
}

/** The commit of the checkout this program runs from, read from git's files; `null` outside a checkout. */
async function readCommit(): Promise<string | null> {
  try {
    const folder = await gitFolder(new URL("../../.git", import.meta.url));
    const head = (await Deno.readTextFile(new URL("HEAD", folder))).trim();
    const ref = /^ref: (.+)$/.exec(head)?.[1];
    if (ref === undefined) return head;
    // In a further worktree, branches are those of the first.
    const shared = await known(() => Deno.readTextFile(new URL("commondir", folder)));
    return await readRef(shared === undefined ? folder : new URL(`${shared.trim()}/`, folder), ref);
  } catch {
    return null;
  }
}

/** The folder of git's files; in a further worktree, `.git` is a file that names it. */
async function gitFolder(git: URL): Promise<URL> {
  const { isDirectory } = await Deno.stat(git);
  if (isDirectory) return new URL(`${git.href}/`);
  const path = /^gitdir: (.+)$/m.exec(await Deno.readTextFile(git))![1]!;
  return new URL(`${pathToFileURL(resolve(fileURLToPath(git), "..", path)).href}/`);
}

async function readRef(folder: URL, ref: string): Promise<string | null> {
  const loose = await known(() => Deno.readTextFile(new URL(ref, folder)));
  if (loose !== undefined) return loose.trim();
  const packed = await Deno.readTextFile(new URL("packed-refs", folder));
  return new RegExp(`^([0-9a-f]+) ${ref}$`, "m").exec(packed)?.[1] ?? null;
}
