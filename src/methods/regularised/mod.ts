/**
 * One adapter that goes from task to task, held back by its loss.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { ewcLora } from "./ewc_lora.ts";
import { lwf } from "./lwf.ts";
import { oLora } from "./o_lora.ts";
import { sdLora } from "./sd_lora.ts";
import { slca } from "./slca.ts";
import { ssiat } from "./ssiat.ts";
import { treeLora } from "./treelora.ts";

/** By name. */
export const regularisedMethods = {
  lwf,
  "ewc-lora": ewcLora,
  "o-lora": oLora,
  "sd-lora": sdLora,
  treelora: treeLora,
  ssiat,
  slca,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
