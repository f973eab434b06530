/**
 * One adapter a task, or one for all, whose directions are chosen or projected.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const projectedMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
