/**
 * One adapter a task, or one for all, whose directions are chosen or projected.
 *
 * @module
 */
import type { MethodDefinition } from "../definition.ts";
import { bilora } from "./bilora.ts";
import { e2Lora } from "./e2_lora.ts";
import { gpm } from "./gpm.ts";
import { inflora } from "./inflora.ts";
import { loraDrs } from "./lora_drs.ts";
import { nspLora } from "./nsp_lora.ts";
import { sharedA } from "./shared_a.ts";

/** By name. */
export const projectedMethods = {
  inflora,
  gpm,
  "nsp-lora": nspLora,
  "lora-drs": loraDrs,
  bilora,
  "e2-lora": e2Lora,
  "shared-a": sharedA,
} as const satisfies Readonly<Record<string, MethodDefinition>>;
