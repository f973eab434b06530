/**
 * Methods that store images or features, and those that train no adapter after the first task.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const replayMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
