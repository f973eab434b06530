/**
 * Methods that merge adapters by singular values, Gram matrices or Fisher information.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const spectralMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
