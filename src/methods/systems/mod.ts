/**
 * Systems named beside HAM's paper, brought to class-incremental images.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";

/** By name. */
export const systemsMethods = {} as const satisfies Readonly<Record<string, MethodDefinition>>;
