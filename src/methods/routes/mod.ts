/**
 * One module a task, selected, mixed or merged at test.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const routesMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
