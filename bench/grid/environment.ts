/**
 * Facts about this machine and this program for records: what could influence a number without being part of a
 * cell's identity.
 *
 * @module
 */
import project from "../../deno.json" with { type: "json" };
import type { BackendInfo, Environment } from "../../mod.ts";

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
