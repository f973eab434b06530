/**
 * Facts about this machine and this program for records: what could influence a number without being part of a
 * cell's identity.
 *
 * @module
 */
import { cpus } from "node:os";
import project from "../../deno.json" with { type: "json" };
import type { BackendInfo, Environment, Machine } from "../../mod.ts";

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
  const read = (path: string) => Deno.readTextFile(new URL(`../../.git/${path}`, import.meta.url));
  try {
    const head = (await read("HEAD")).trim();
    const ref = /^ref: (.+)$/.exec(head)?.[1];
    if (ref === undefined) return head;
    try {
      return (await read(ref)).trim();
    } catch {
      return new RegExp(`^([0-9a-f]+) ${ref}$`, "m").exec(await read("packed-refs"))?.[1] ?? null;
    }
  } catch {
    return null;
  }
}
