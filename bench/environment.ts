/**
 * Facts about this machine and this program for records: what could influence a number without being part of a
 * cell's identity.
 *
 * @module
 */
import type { BackendInfo, Environment } from "../mod.ts";
import project from "../deno.json" with { type: "json" };

/** Versions, device and choices of a backend. */
export function describeEnvironment(info: BackendInfo): Environment {
  return {
    version: project.version,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    target: Deno.build.target,
    cores: navigator.hardwareConcurrency,
    device: info.device,
    details: { ...info.details },
  };
}
