/**
 * Methods that train tokens, keys and values instead of weights.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const promptsMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
