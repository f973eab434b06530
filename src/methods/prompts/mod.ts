/**
 * Methods that train tokens, keys and values instead of weights.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { codaPrompt } from "./coda_prompt.ts";
import { dualprompt } from "./dualprompt.ts";
import { l2p } from "./l2p.ts";

/** By name. */
export const promptsMethods = {
  l2p,
  dualprompt,
  "coda-prompt": codaPrompt,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
