/**
 * Facts about this machine and this program for records: what could influence a number without being part of a
 * cell's identity.
 *
 * @module
 */
import project from "../../deno.json" with { type: "json" };
import type { BackendInfo, Environment, Machine } from "../../mod.ts";

/** Versions, commit and machine. The backend adds what it knows of itself at the end of a record. */
export async function describeEnvironment({ device }: BackendInfo): Promise<Environment> {
  return {
    version: project.version,
    commit: await readCommit(),
    deno: Deno.version.deno,
    target: Deno.build.target,
    cores: navigator.hardwareConcurrency,
    device,
  };
}

/** What tells this machine from others that share a folder, as far as this program may know. */
export async function nameMachine(): Promise<Machine> {
  const known = async (ask: () => string | Promise<string>) => {
    try {
      return await ask();
    } catch {
      return undefined;
    }
  };
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
