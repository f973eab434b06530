/**
 * One adapter that goes from task to task, held back by its loss.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const regularisedMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
