/**
 * One module a task, selected, mixed or merged at test.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { dam } from "./dam.ts";
import { ease } from "./ease.ts";
import { mos } from "./mos.ts";
import { routed } from "./routed.ts";
import { sema } from "./sema.ts";
import { tuna } from "./tuna.ts";

/** By name. */
export const routesMethods = {
  routed,
  ease,
  dam,
  tuna,
  mos,
  sema,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
