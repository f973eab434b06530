/**
 * Methods that merge adapters entry by entry, in constant memory or from all of them.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const mergesMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
