/**
 * HAM's family: adapters merged in groups.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { kmerge, kmergePlus } from "./kmerge.ts";
import { moses } from "./moses.ts";
import { share } from "./share.ts";
import { hamPlus } from "./ham_plus.ts";

/** By name. */
export const hierarchyMethods = {
  kmerge,
  "kmerge++": kmergePlus,
  share,
  moses,
  "ham-plus": hamPlus,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
