/**
 * HAM's family: adapters merged in groups.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const hierarchyMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
